"""A table of recorded outcomes, LLM by LLM."""

from __future__ import annotations

import numpy as np
from rich.table import Table

from abgnn.outcomes.table import OutcomeTable


def llm_table(table: OutcomeTable, name: str) -> Table:
    """Mean score, cost, tokens and seconds of every LLM; - where nothing is recorded."""
    tasks = len(set(table.tasks))
    title = f"{name}: {len(table.ids)} questions, {tasks} tasks (recorded)"
    shown = Table(title=title, title_justify="left")
    shown.add_column("LLM", no_wrap=True)
    for column in ("score", "mUSD", "prompt", "completion", "s"):
        shown.add_column(column, justify="right")
    columns = (
        (table.score, 1.0, ".3f"),
        (table.cost, 1e3, ".4g"),
        (table.prompt_tokens, 1.0, ".0f"),
        (table.completion_tokens, 1.0, ".0f"),
        (table.latency, 1.0, ".2f"),
    )
    for m, llm in enumerate(table.llms):
        means = [(scale * float(values[:, m].mean()), f) for values, scale, f in columns]
        shown.add_row(llm, *(format(v, f) if np.isfinite(v) else "-" for v, f in means))
    return shown
