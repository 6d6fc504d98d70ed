"""Rows of a benchmark from local files: jsonl, json, csv, and folders of them; no torch."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from abgnn.errors import ConfigError

SUFFIXES = (".jsonl", ".jsonl.gz", ".json", ".csv")


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it came.

    Args:
        where: for messages: file and line, or dataset, split and index.
        part: stem of the file, or configuration on the hub.
        name: of the row, unique in its source: part and number, path of its own file.
        fields: by column.
    """

    where: str
    part: str
    name: str
    fields: Mapping[str, Any]

    def text(self, *columns: str) -> str:
        """The first of these columns that is there, as text.

        Raises:
            ConfigError: none is there, or it is empty or no text.
        """
        value = self.value(*columns)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str) or not value.strip():
            raise ConfigError(f"{self.where}: {columns[0]}", value, "a text that is not empty")
        return value

    def value(self, *columns: str) -> Any:
        """The first of these columns that is there.

        Raises:
            ConfigError: none is there.
        """
        for column in columns:
            if column in self.fields:
                return self.fields[column]
        wanted = " or ".join(f"`{column}`" for column in columns)
        raise ConfigError(f"{self.where}: columns", sorted(self.fields), f"a column {wanted}")

    def refuse(self, column: str, allowed: str) -> ConfigError:
        """The error for a value that cannot be used."""
        return ConfigError(f"{self.where}: {column}", self.fields.get(column), allowed)


def local_rows(path: str, split: str, columns: Sequence[str] | None = None) -> Iterator[Row]:
    """Rows of a file, or of all files of a folder, in the order of their paths.

    Of a folder that holds a folder, or a file, named like the split, only that is read.

    Args:
        path: file or folder.
        split: for example `test`.
        columns: of CSV files without a header; None: their first line is one.

    Raises:
        ConfigError: nothing there, an empty file, a file that is not what its suffix says.
    """
    root = Path(path).expanduser()
    if not root.exists():
        raise ConfigError("path", path, "an existing file or folder")
    if root.is_file() and not root.name.endswith(SUFFIXES):
        raise ConfigError("path", path, f"a folder, or a file that ends in {', '.join(SUFFIXES)}")
    if root.is_dir():
        root = _of_split(root, split)
    files = [root] if root.is_file() else _files(root)
    if not files:
        raise ConfigError("path", str(root), f"a folder with files in {', '.join(SUFFIXES)}")
    for file in files:
        yield from _rows(file, root, columns)


def _of_split(root: Path, split: str) -> Path:
    for name in ("", *SUFFIXES):
        if (root / f"{split}{name}").exists():
            return root / f"{split}{name}"
    return root


def _files(root: Path) -> list[Path]:
    return sorted(p for p in root.rglob("*") if p.is_file() and p.name.endswith(SUFFIXES))


def _rows(file: Path, root: Path, columns: Sequence[str] | None) -> Iterator[Row]:
    part = file.name.split(".")[0]
    inside = file.relative_to(root).parent if file != root else Path()
    name, count = (inside / part).as_posix(), 0
    for number, where, fields in _records(file, columns):
        if not isinstance(fields, dict):
            raise ConfigError(where, fields, "a JSON object with a value per column")
        count += 1
        yield Row(where, part, name if number is None else f"{name}/{number}", fields)
    if not count:
        raise ConfigError(str(file), "no rows", "a file with at least one row")


def _records(
    file: Path, columns: Sequence[str] | None
) -> Iterable[tuple[int | None, str, dict[str, Any]]]:
    """(number of the row, None if the file is one row; where; columns)."""
    try:
        text = _read(file)
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise ConfigError(str(file), type(error).__name__, "a readable file in UTF-8") from error
    if file.suffix == ".csv":
        return _csv(file, text, columns)
    return _json(file, text) if file.suffix == ".json" else _jsonl(file, text)


def _read(file: Path) -> str:
    raw = file.read_bytes()
    return (gzip.decompress(raw) if file.suffix == ".gz" else raw).decode("utf-8-sig")


def _jsonl(file: Path, text: str) -> Iterator[tuple[int, str, dict[str, Any]]]:
    lines = ((i, line) for i, line in enumerate(text.split("\n"), 1) if line.strip())
    for number, (line_number, line) in enumerate(lines):
        where = f"{file}:{line_number}"
        yield number, where, _parsed(line, where)


def _json(file: Path, text: str) -> Iterator[tuple[int | None, str, dict[str, Any]]]:
    if not text.strip():
        return
    content = _parsed(text, str(file))
    if not isinstance(content, list):
        yield None, str(file), content
        return
    yield from ((i, f"{file}[{i}]", fields) for i, fields in enumerate(content))


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        place = where if line == 1 else f"{where}:{line}"
        shown = text.split("\n")[line - 1][:80]
        raise ConfigError(place, shown, f"JSON ({error})") from error


def _csv(
    file: Path, text: str, columns: Sequence[str] | None
) -> Iterator[tuple[int, str, dict[str, Any]]]:
    reader = csv.reader(text.splitlines(keepends=True), strict=True)
    number = 0
    try:
        for cells in reader:
            if columns is None:
                columns = cells
                continue
            where = f"{file}:{reader.line_num}"
            if len(cells) != len(columns):
                allowed = f"{len(columns)} columns: {', '.join(columns)}"
                raise ConfigError(where, f"{len(cells)} columns", allowed)
            yield number, where, dict(zip(columns, cells, strict=True))
            number += 1
    except csv.Error as error:
        raise ConfigError(f"{file}:{reader.line_num}", str(error), "CSV") from error
