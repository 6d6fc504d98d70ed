"""Tables in Markdown, as the READMEs show them."""

from __future__ import annotations

from collections.abc import Sequence

from abgnn.errors import ConfigError

_RULES = {"l": "---", "r": "--:", "c": ":-:"}


def markdown_table(
    header: Sequence[str], rows: Sequence[Sequence[str]], align: Sequence[str]
) -> str:
    """Lines of a table; `align` has an l, r or c for each column. A | in a cell is escaped."""
    wrong = [letter for letter in align if letter not in _RULES]
    if wrong or len(align) != len(header):
        raise ConfigError("align", " ".join(align), f"{len(header)} of {', '.join(_RULES)}")
    for row in rows:
        if len(row) != len(header):
            raise ConfigError("row", list(row), f"{len(header)} cells, as the header has")
    rules = "|" + "|".join(_RULES[letter] for letter in align) + "|"
    return "\n".join([_line(header), rules, *map(_line, rows)])


def _line(cells: Sequence[str]) -> str:
    shown = (cell.replace("|", r"\|") for cell in cells)
    return "|" + "".join(f" {cell} |" if cell else " |" for cell in shown)
