"""`read_outcomes`: outcome tables in the published layouts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

from abgnn.errors import ConfigError
from abgnn.outcomes.cells import Entry, Missing, assemble
from abgnn.outcomes.files import Record, read_records
from abgnn.outcomes.keyed import is_keyed, keyed_entries
from abgnn.outcomes.long import is_long, long_entries
from abgnn.outcomes.prices import (
    Profiles,
    fill_costs,
    fill_tokens,
    read_profiles,
)
from abgnn.outcomes.table import OutcomeTable
from abgnn.outcomes.wide import (
    COST,
    llmrouter_entries,
    routellm_entries,
    routerbench_entries,
)

Layout = Literal["auto", "long", "answers", "routerbench", "llmrouter", "routellm"]
PAPER = ("mmlu", "math", "gsm8k", "mbpp", "human_eval")  # the paper's five benchmarks


def read_outcomes(
    path: str | Path,
    layout: Layout = "auto",
    *,
    allow_pickle: bool = False,
    tasks: Sequence[str] | Literal["paper"] | None = None,
    llms: Sequence[str] | None = None,
    profiles: str | Path | Profiles | None = None,
    missing: Missing = "error",
) -> OutcomeTable:
    """Read a table of recorded outcomes of LLMs on the same questions.

    Layouts: `long` (CSV or jsonl; query, task, model, score, and where known cost, prompt_tokens,
    completion_tokens, latency, id, response), `answers` (jsonl, with the keys of answers),
    `routerbench`, `routellm` (CSV, parquet, pickle) and `llmrouter` (jsonl); see `long.py`,
    `keyed.py` and `wide.py`.

    Columns that a table lacks are estimated (see `prices.py`): prompt tokens are the
    question's characters / 4, completion tokens the response's characters / 4 or, without a
    response, a constant of the answer's kind; with `profiles`, cost is prices × tokens. Cost
    without either, and seconds, stay nan.

    Args:
        path: .csv, .jsonl, .parquet (needs pyarrow) or .pkl (needs pandas).
        layout: `auto` decides by the columns.
        allow_pickle: a pickle can run any code when it is read.
        tasks: names to keep; `paper` for the paper's five benchmarks; None for all.
        llms: LLMs to keep, in this order; None for all.
        profiles: LLMRouter's profiles file, or {LLM: {input_price, output_price, size}}; USD per
            million tokens.
        missing: `error`, or `drop` to leave out questions that lack a score.

    Raises:
        ConfigError: a file or layout that cannot be read, a missing cell, an id twice, a score
            out of range, a task, LLM or price that is not there, a pickle without permission.
    """
    path = Path(path)
    if layout not in get_args(Layout):
        raise ConfigError("layout", layout, " | ".join(get_args(Layout)))
    if missing not in get_args(Missing):
        raise ConfigError("missing", missing, " | ".join(get_args(Missing)))
    records = read_records(path, allow_pickle=allow_pickle)
    detected = detect_layout(records[0], str(path)) if layout == "auto" else layout
    entries = _chosen(_entries(records, detected, path), tasks, str(path))
    fill_tokens(entries)
    if profiles is not None:
        fill_costs(entries, read_profiles(profiles), str(path))
    return assemble(entries, str(path), missing, llms)


def detect_layout(record: Record, where: str) -> Layout:
    """The layout of a table by its first row.

    Raises:
        ConfigError: it is none of ours.
    """
    if is_keyed(record):
        return "answers"
    if isinstance(record.get("scores"), dict):
        return "llmrouter"
    if any(str(name).endswith(COST) for name in record):
        return "routerbench"
    if is_long(record):
        return "long"
    if "prompt" in record:
        return "routellm"
    allowed = f"one of the layouts {', '.join(get_args(Layout)[1:])} (see read_outcomes)"
    raise ConfigError(f"{where}: columns", list(record), allowed)


def _entries(records: Sequence[Record], layout: Layout, path: Path) -> list[Entry]:
    if layout == "long":
        return long_entries(records, str(path))
    if layout == "answers":
        return keyed_entries(records, path)
    if layout == "routerbench":
        return routerbench_entries(records, str(path))
    if layout == "llmrouter":
        return llmrouter_entries(records, str(path))
    return routellm_entries(records, str(path), path.stem)


def _chosen(
    entries: list[Entry], tasks: Sequence[str] | Literal["paper"] | None, where: str
) -> list[Entry]:
    if tasks is None:
        return entries
    if isinstance(tasks, str) and tasks != "paper":
        raise ConfigError("tasks", tasks, "a list of names, or paper")
    wanted = PAPER if tasks == "paper" else tuple(tasks)
    known = sorted({entry.task for entry in entries})
    for task in wanted:
        if task not in known:
            raise ConfigError(f"{where}: tasks", task, f"among {known}")
    return [entry for entry in entries if entry.task in wanted]
