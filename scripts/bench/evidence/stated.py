"""`results/stated.csv`: for every number in a README's prose, whence it is.

A row is a fragment of a README (white space aside) with its numbers, and what they are:

- `measured`: `command` (several: `; ` between them) printed them; `source` says of what: a model
  of LLMs (simulated), stored answers (recorded), an LLM (live), or our own software (measured);
  `commit` is of the code that ran, or, where nobody wrote that down, the last that changed them;
- `setting`: how something was done, is configured, limited or numbered;
- `cited`: from another publication, which `source` names.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from abgnn.errors import ConfigError

from .digits import numbers
from .printed import RESULTS, SOURCES

STATED = RESULTS / "stated.csv"
KINDS = ("measured", "setting", "cited")
LEAST_LETTERS = 10
"""Fewer in a fragment say too little: a bare number would cover every other one like it."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """A row."""

    readme: str
    text: str
    kind: str
    command: str
    source: str
    commit: str

    def check(self) -> Fragment:
        """Itself, or a ConfigError that names what is missing."""
        where = f"{self.readme}: {self.text}"
        if self.kind not in KINDS:
            raise ConfigError(where, self.kind, ", ".join(KINDS))
        if sum(map(str.isalpha, self.text)) < LEAST_LETTERS:
            raise ConfigError(where, self.text, f"a fragment of {LEAST_LETTERS} letters or more")
        if self.kind == "measured":
            if not self.command:
                raise ConfigError(f"{where}: command", "", "what printed the number")
            if self.source not in SOURCES:
                raise ConfigError(f"{where}: source", self.source, ", ".join(SOURCES))
            if not re.fullmatch(r"[0-9a-f]{7,40}", self.commit):
                raise ConfigError(f"{where}: commit", self.commit, "seven hex digits or more")
        if self.kind == "cited" and not self.source:
            raise ConfigError(f"{where}: source", "", "the publication")
        return self


def read_stated(path: Path = STATED) -> list[Fragment]:
    """All rows; a wrong one is a ConfigError."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        wanted = [field.name for field in fields(Fragment)]
        if rows.fieldnames != wanted:
            raise ConfigError(path.name, rows.fieldnames, ",".join(wanted))
        return [Fragment(**row).check() for row in rows]


def unstated(text: str, fragments: Sequence[str]) -> list[str]:
    """Every number of a README that lies in no fragment, with the words around it."""
    whole, at = _one_line(text)
    spans = [span for fragment in fragments for span in _spans(whole, fragment)]
    missing = []
    for number in numbers(text):
        start, end = (at[i] for i in (_first_digit(number), number.end() - 1))
        if not any(low <= start and end < high for low, high in spans):
            missing.append(f"{number[0].strip()}: …{whole[max(0, start - 50) : end + 50]}…")
    return missing


def gone(text: str, fragments: Sequence[str]) -> list[str]:
    """Fragments that a README no longer has, or that hold none of its numbers."""
    whole, at = _one_line(text)
    found = [at[_first_digit(number)] for number in numbers(text)]
    return [
        fragment
        for fragment in fragments
        if not any(low <= i < high for low, high in _spans(whole, fragment) for i in found)
    ]


def _one_line(text: str) -> tuple[str, list[int]]:
    """The text with single blanks for white space, and where every character has gone."""
    whole: list[str] = []
    at = []
    for character in text:
        blank = character.isspace()
        if not (blank and whole and whole[-1] == " "):
            whole.append(" " if blank else character)
        at.append(len(whole) - 1)
    return "".join(whole), at


def _spans(whole: str, fragment: str) -> Iterator[tuple[int, int]]:
    short = " ".join(fragment.split())
    return ((m.start(), m.end()) for m in re.finditer(re.escape(short), whole))


def _first_digit(number: re.Match[str]) -> int:
    return number.end() - len(number[0].lstrip("±×+−- "))
