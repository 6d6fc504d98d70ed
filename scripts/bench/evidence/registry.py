"""Which tables of READMEs code renders; every other one lies in `results/printed`."""

from __future__ import annotations

from collections.abc import Callable

TABLES: dict[str, Callable[[], str]] = {}
"""Name → a function that gives the table's Markdown, made from the rows of a study."""
