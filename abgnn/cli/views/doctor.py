"""Findings of `abgnn doctor`: a mark, the subject, what there is, and what mends it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from abgnn.cli.views.recordings import plain
from abgnn.experiments.doctor.finding import Finding

MARKS = {"ok": ("✓", "green"), "note": ("–", "yellow"), "problem": ("✗", "red")}
_WIDTH = 19  # of a subject: the longest is `extra sklearn-extra`


def show_finding(finding: Finding, console: Console) -> None:
    """One line, and one more for the command."""
    mark, style = MARKS[finding.state]
    row = Table.grid(padding=(0, 1))
    row.add_column(width=1)
    row.add_column(width=_WIDTH)
    row.add_column(overflow="fold")
    row.add_row(Text(mark, style), Text(plain(finding.subject)), Text(plain(finding.text)))
    if finding.mend:
        row.add_row("", "", Text(f"→ {plain(finding.mend)}", "bold"))
    console.print(row)


def show_sum(findings: Sequence[Finding], console: Console) -> None:
    """How many of each kind."""
    count = Counter(finding.state for finding in findings)
    text = f"{count['ok']} ✓, {count['note']} – (worth knowing), {count['problem']} ✗"
    wrong = " (what was asked for cannot run)" if count["problem"] else ""
    console.print(text + wrong, highlight=False)
