"""`abgnn report`: one self-contained HTML page of what runs have left behind."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from abgnn.cli.arguments import Parser
from abgnn.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console


def add_arguments(parser: Parser) -> None:
    """Runs, and the page."""
    parser.description = (
        "One self-contained HTML page: curves, tables, plans, beliefs, money, certificates and "
        "configuration of all runs that it is pointed at. Reads files; needs no network."
    )
    text = "folders or files of runs: of fit, compare, calibrate, plan, certify, recordings, …"
    parser.add_argument("runs", nargs="*", metavar="RUNS", help=text)
    text = "the page to write"
    parser.add_argument("--out", default="report.html", metavar="FILE", help=text)


def run(args: Namespace, console: Console) -> int:
    """Read the runs, write the page.

    Raises:
        ConfigError: nothing that is recognised, or nowhere to write.
    """
    from abgnn.report.page import build_page
    from abgnn.report.reading import read_runs

    out = Path(args.out)
    if out.resolve().suffix.lower() not in (".html", ".htm"):  # no input is written over
        raise ConfigError("--out", args.out, "a file whose name ends in .html")
    runs = read_runs(args.runs)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(build_page(runs), encoding="utf-8")
    except OSError as error:
        allowed = f"a file that can be written ({error.strerror})"
        raise ConfigError("--out", args.out, allowed) from error
    notices = f", {len(runs.notices)} notices" if runs.notices else ""
    text = f"report: {out}   ({len(runs.records)} read, {len(runs.others)} not shown{notices}; "
    console.print(f"{text}{' and '.join(runs.labels)})", markup=False, highlight=False)
    return 0
