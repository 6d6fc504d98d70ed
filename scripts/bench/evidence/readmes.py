"""READMEs and their generated tables, between `<!-- table NAME -->` and `<!-- /table -->`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from abgnn.errors import ConfigError

from .printed import PRINTED, printed_names, read_printed
from .registry import TABLES

ROOT = Path(__file__).parents[3]
FOLDERS = ("abgnn", "datamodules", "configs", "scripts")

_CLOSE = "<!-- /table -->"
_PLACE = re.compile(rf"^(<!-- table (\S+) -->)\n(.*?)^{_CLOSE}$", re.M | re.S)
_OPENED, _CLOSED = re.compile(r"(?<!`)<!-- table "), re.compile(rf"(?<!`){_CLOSE}")


def readmes(root: Path = ROOT) -> list[Path]:
    """Every README of the project."""
    below = (path for folder in FOLDERS for path in (root / folder).rglob("README.md"))
    return [root / "README.md", *sorted(below)]


def table(name: str) -> str:
    """A table's Markdown: by the function that renders it, or else as it was printed."""
    if name in TABLES:
        return TABLES[name]()
    path = PRINTED / f"{name}.csv"
    if not path.is_file():
        known = sorted({*TABLES, *printed_names()})
        raise ConfigError("<!-- table … -->", name, ", ".join(known))
    return read_printed(path).markdown()


def places(text: str) -> Iterator[tuple[str, str]]:
    """(name, what stands there) of every table in a README."""
    found = list(_PLACE.finditer(text))
    opened, closed = (len(mark.findall(text)) for mark in (_OPENED, _CLOSED))
    if not len(found) == opened == closed:
        shown = f"{opened} opened, {closed} closed"
        raise ConfigError("<!-- table … -->", shown, "pairs of lines that hold nothing else")
    return ((match[2], match[3].rstrip("\n")) for match in found)


def filled(text: str) -> str:
    """A README with all its tables made anew."""
    list(places(text))  # refuses a marker without its pair
    return _PLACE.sub(lambda place: f"{place[1]}\n{table(place[2])}\n{_CLOSE}", text)


def stale(root: Path = ROOT) -> list[str]:
    """README and name of every table that does not show what its file or renderer says."""
    return [
        f"{readme.relative_to(root)}: {name}"
        for readme in readmes(root)
        for name, shown in places(readme.read_text(encoding="utf-8"))
        if shown != table(name)
    ]


def fill(root: Path = ROOT) -> list[str]:
    """Write all tables; returns the stale ones."""
    old = stale(root)
    for readme in readmes(root):
        text = readme.read_text(encoding="utf-8")
        if (new := filled(text)) != text:
            readme.write_text(new, encoding="utf-8")
    return old
