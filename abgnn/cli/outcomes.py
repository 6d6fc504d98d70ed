"""`abgnn outcomes`: what a table of recorded outcomes holds, and what committees gain on it.

Reads the table; with --catalogue, writes one of its LLMs.
"""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from abgnn.cli.arguments import Parser

if TYPE_CHECKING:
    from rich.console import Console


def add_arguments(parser: Parser) -> None:
    """A table, how to read it, and what to do with it."""
    parser.description = (
        "Mean score, cost, tokens and seconds of every LLM in a table of recorded outcomes "
        "(scores of several LLMs on the same questions)."
    )
    parser.add_argument("file", metavar="FILE", help=".csv, .jsonl, .parquet or .pkl")
    text = "long, answers, routerbench, llmrouter or routellm; auto: by its columns"
    parser.add_argument("--layout", default="auto", help=text)
    text = "tasks to keep, or paper: the five of the paper; all of them if left out"
    parser.add_argument("--tasks", nargs="+", metavar="TASK", help=text)
    text = "JSON of prices and sizes, where the table records no cost"
    parser.add_argument("--profiles", metavar="FILE", help=text)
    text = "what becomes of questions that lack an LLM's outcome: error, or drop"
    parser.add_argument("--missing", default="error", help=text)
    text = "read a pickle; one from a stranger may run any code"
    parser.add_argument("--allow-pickle", action="store_true", help=text)
    text = "committee and cascades beside mixtures of single LLMs at the same cost"
    parser.add_argument("--compare", action="store_true", help=text)
    text = "with --compare: how often two wrong answers agree, where answers are not recorded"
    parser.add_argument("--agree-when-wrong", type=float, default=0.5, metavar="P", help=text)
    text = "YAML to write: the table's LLMs as backbones"
    parser.add_argument("--catalogue", metavar="FILE", help=text)
    text = "with --catalogue: one domain for its scores"
    parser.add_argument("--domain", help=text)


def run(args: Namespace, console: Console) -> int:
    """Show a table, compare, write a catalogue.

    Raises:
        ConfigError: the table cannot be read, or lacks what an option needs.
    """
    from abgnn.cli.views.outcomes import llm_table
    from abgnn.outcomes.layouts import read_outcomes

    table = read_outcomes(
        args.file,
        args.layout,
        allow_pickle=args.allow_pickle,
        tasks="paper" if args.tasks == ["paper"] else args.tasks,
        profiles=args.profiles,
        missing=args.missing,
    )
    name = Path(args.file).name
    console.print(llm_table(table, name))
    if args.compare:
        from abgnn.evaluation.committee import committee_and_cascade, versus_table

        rows = committee_and_cascade(table, agree_when_wrong=args.agree_when_wrong)
        title = f"{len(table.ids)} questions against mixtures of single LLMs at the same cost"
        console.print(versus_table(rows, title))
    if args.catalogue is not None:
        from abgnn.outcomes.catalogue import catalogue_of, write_catalogue

        catalogue = catalogue_of(table, args.profiles, domain=args.domain)
        source = f"{name}: scores are means over {len(table.ids)} recorded questions"
        write_catalogue(catalogue, args.catalogue, source)
        console.print(f"Catalogue: {args.catalogue}", markup=False, highlight=False)
    return 0
