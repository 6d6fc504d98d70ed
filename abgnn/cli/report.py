"""`abgnn report`: one self-contained HTML page of what runs have left behind."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from abgnn.errors import ConfigError
from abgnn.report.page import build_page
from abgnn.report.reading import read_runs


def report_command(args: Sequence[str], console: Console) -> int:
    """`abgnn report RUNS… [--out report.html]`.

    Raises:
        ConfigError: nothing that is recognised, or nowhere to write.
    """
    parser = ArgumentParser(
        prog="abgnn report",
        description="One self-contained HTML page of what runs have left behind.",
    )
    parser.add_argument("runs", nargs="*", metavar="RUNS", help="folders or files of runs")
    parser.add_argument("--out", default="report.html", help="the page to write (report.html)")
    given = parser.parse_args(args)
    out = Path(given.out)
    if out.resolve().suffix.lower() not in (".html", ".htm"):  # no input is written over
        raise ConfigError("--out", given.out, "a file whose name ends in .html")
    found = read_runs(given.runs)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(build_page(found), encoding="utf-8")
    except OSError as error:
        allowed = f"a file that can be written ({error.strerror})"
        raise ConfigError("--out", given.out, allowed) from error
    told = f", {len(found.notices)} notices" if found.notices else ""
    said = f"report: {out}   ({len(found.records)} read, {len(found.others)} not shown{told}; "
    console.print(f"{said}{' and '.join(found.labels)})", markup=False, highlight=False)
    return 0
