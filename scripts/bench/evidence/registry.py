"""Which tables of READMEs code renders; every other one lies in `results/printed`."""

from __future__ import annotations

from collections.abc import Callable

from .study_tables import study_tables

TABLES: dict[str, Callable[[], str]] = {
    name: table.markdown for name, table in study_tables().items()
}
"""Name → a function that gives the table's Markdown, made from the rows of a study."""
