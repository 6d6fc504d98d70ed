"""Rows of a table file as dicts: CSV and jsonl by the standard library, the rest by pandas.

A pickle can run any code when it is read, so it is read on request only.
"""

from __future__ import annotations

import csv
import importlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from abgnn.errors import ConfigError

Record = Mapping[str, Any]
PICKLES = (".pkl", ".pickle")
LARGEST_FIELD = 1 << 27  # characters of a prompt or response


def read_records(path: Path, *, allow_pickle: bool = False) -> list[Record]:
    """The rows of a file, by its suffix: .csv, .jsonl, .parquet, .pkl.

    Raises:
        ConfigError: no such file, an unknown suffix, a file that cannot be read or is empty, a
            pickle without permission, or a library that is not installed.
    """
    suffix = path.suffix.lower()
    if not path.is_file():
        raise ConfigError("outcomes", str(path), "an existing .csv, .jsonl, .parquet or .pkl file")
    if suffix == ".csv":
        rows = _csv_rows(path)
    elif suffix in (".jsonl", ".json"):
        rows = _json_rows(path)
    elif suffix == ".parquet":
        rows = _parquet_rows(path)
    elif suffix in PICKLES:
        rows = _pickle_rows(path, allow_pickle)
    else:
        raise ConfigError("outcomes", str(path), "a .csv, .jsonl, .parquet or .pkl file")
    if not rows:
        raise ConfigError(str(path), "no rows", "a table with at least one row")
    return rows


def place_of(path: Path, row: int) -> str:
    """Where the row of this index is, for messages: the line of a JSON file, else its number."""
    if path.suffix.lower() in (".jsonl", ".json"):
        with path.open(encoding="utf-8") as file:
            lines = (n for n, line in enumerate(file, 1) if line.strip())
            return f"{path}:{next(islice(lines, row, None))}"
    return f"{path}: row {row + 1}"


def _csv_rows(path: Path) -> list[Record]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file, _long_fields():
            return list(csv.DictReader(file))
    except (csv.Error, UnicodeDecodeError) as e:
        raise ConfigError(str(path), str(e), "a CSV file in UTF-8") from e


@contextmanager
def _long_fields() -> Iterator[None]:
    """Allow long CSV fields for a while; the csv module's bound is global, so it is restored."""
    before = csv.field_size_limit(LARGEST_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _json_rows(path: Path) -> list[Record]:
    rows: list[Record] = []
    with path.open(encoding="utf-8") as file:
        for n, line in enumerate(file, 1):
            if line.strip():
                rows.append(_json_row(line, f"{path}:{n}"))
    return rows


def _json_row(line: str, where: str) -> Record:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as e:
        raise ConfigError(where, line[:60], f"a JSON object a line ({e.msg})") from e
    if not isinstance(row, dict):
        raise ConfigError(where, line[:60], "a JSON object a line")
    return row


def _parquet_rows(path: Path) -> list[Record]:
    parquet = _library("pyarrow.parquet", path)
    try:
        rows: list[Record] = parquet.read_table(path).to_pylist()
    except (OSError, ValueError) as e:
        raise ConfigError(str(path), str(e), "a parquet file") from e
    return rows


def _pickle_rows(path: Path, allowed: bool) -> list[Record]:
    if not allowed:
        why = "a pickle can run any code when it is read: convert it to CSV or parquet, or, if"
        raise ConfigError(str(path), "a pickle", f"{why} you trust its source, allow_pickle=True")
    frame = _library("pandas", path).read_pickle(path)
    if not hasattr(frame, "to_dict"):
        raise ConfigError(str(path), type(frame).__name__, "a pickled pandas.DataFrame")
    rows: list[Record] = frame.to_dict("records")
    return rows


def _library(name: str, path: Path) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as e:
        allowed = f"a CSV or jsonl file, or {name.split('.')[0]}: pip install 'abgnn[tables]'"
        raise ConfigError(str(path), f"{path.suffix} file", allowed) from e
