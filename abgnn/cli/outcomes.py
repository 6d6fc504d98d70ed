"""`abgnn outcomes FILE`: what a table of recorded outcomes holds, and what committees gain on it.

Reads the table; writes a catalogue of its LLMs if asked to.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from abgnn.evaluation.committee import committee_and_cascade, versus_table
from abgnn.outcomes.catalogue import catalogue_of, write_catalogue
from abgnn.outcomes.layouts import read_outcomes
from abgnn.outcomes.table import OutcomeTable


def outcomes_command(args: Sequence[str], console: Console) -> int:
    """Show a table, compare, write a catalogue.

    Raises:
        ConfigError: the table cannot be read, or lacks what is asked for.
    """
    given = _parser().parse_args(args)
    tasks = given.tasks
    table = read_outcomes(
        given.file,
        given.layout,
        allow_pickle=given.allow_pickle,
        tasks="paper" if tasks == ["paper"] else tasks,
        profiles=given.profiles,
        missing=given.missing,
    )
    name = Path(given.file).name
    console.print(llm_table(table, name))
    if given.compare:
        rows = committee_and_cascade(table, agree_when_wrong=given.agree_when_wrong)
        title = f"{len(table.ids)} questions against mixtures of single LLMs at the same cost"
        console.print(versus_table(rows, title))
    if given.catalogue is not None:
        catalogue = catalogue_of(table, given.profiles, domain=given.domain)
        source = f"{name}: scores are means over {len(table.ids)} recorded questions"
        write_catalogue(catalogue, given.catalogue, source)
        console.print(f"Catalogue: {given.catalogue}", markup=False, highlight=False)
    return 0


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


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="abgnn outcomes", description="A table of recorded outcomes of several LLMs."
    )
    parser.add_argument("file", help=".csv, .jsonl, .parquet or .pkl")
    parser.add_argument("--layout", default="auto", help="long, routerbench, llmrouter, routellm")
    parser.add_argument("--tasks", nargs="+", help="names to keep, or paper for the paper's five")
    parser.add_argument("--profiles", help="JSON of prices and sizes, where no cost is recorded")
    parser.add_argument(
        "--missing", default="error", help="error or drop: questions lacking a cell"
    )
    parser.add_argument("--allow-pickle", action="store_true", help="a pickle may run any code")
    parser.add_argument("--compare", action="store_true", help="committee and cascades")
    parser.add_argument(
        "--agree-when-wrong",
        type=float,
        default=0.5,
        help="how often two wrong answers agree, where answers are not recorded (simulated)",
    )
    parser.add_argument("--catalogue", help="YAML to write: the table's LLMs as backbones")
    parser.add_argument("--domain", help="one domain for the catalogue's scores")
    return parser
