"""Tables that a command printed: `results/printed/NAME.csv`, with the stamps of their making.

First `# key: value` lines: `command` (several: `; ` between them), `source`, `commit` (the last
that changed the figures), its `date`, `align` (l, r, c), and what else was stated (`world`,
`seeds`, …); then the header and the cells, as they are shown.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from abgnn.errors import ConfigError

from .markdown import markdown_table

RESULTS = Path(__file__).parents[1] / "results"
PRINTED = RESULTS / "printed"
SOURCES = ("simulated", "recorded", "live", "measured")
"""What a figure says something about: a model of LLMs, stored answers, an LLM, our own software."""
STAMPS = ("command", "source", "commit", "date", "align")

_STAMP = re.compile(r"# (\w+): (.+)")


@dataclass(frozen=True, slots=True)
class PrintedTable:
    """A table's stamps, and its cells as text."""

    stamps: Mapping[str, str]
    header: list[str]
    rows: list[list[str]]

    def markdown(self) -> str:
        """The lines of a README."""
        return markdown_table(self.header, self.rows, self.stamps["align"].split())


def read_printed(path: Path) -> PrintedTable:
    """Read a file; ConfigError names it where a stamp is missing or wrong."""
    lines = path.read_text(encoding="utf-8").splitlines()
    stamps = {match[1]: match[2] for match in map(_STAMP.fullmatch, lines) if match}
    for key in STAMPS:
        if key not in stamps:
            raise ConfigError(f"{path.name}: {key}", None, "a line `# key: value` above the table")
    if stamps["source"] not in SOURCES:
        raise ConfigError(f"{path.name}: source", stamps["source"], ", ".join(SOURCES))
    header, *rows = csv.reader(lines[len(stamps) :])
    return PrintedTable(stamps, header, rows)


def printed_names(folder: Path = PRINTED) -> list[str]:
    """Names of all printed tables."""
    return sorted(path.stem for path in folder.glob("*.csv"))
