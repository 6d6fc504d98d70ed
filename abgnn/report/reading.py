"""Reading the files of runs: which are recognised, and by what; a broken one becomes a notice."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from abgnn.errors import ConfigError
from abgnn.report.markup import plain
from abgnn.report.reading_json import read_json_record
from abgnn.report.reading_lines import read_lines
from abgnn.report.reading_rows import read_csv
from abgnn.report.records import (
    UNKNOWN,
    Configuration,
    Notice,
    Points,
    PredictedPlans,
    Record,
    Runs,
    Spend,
)
from abgnn.report.spending import read_recording

# what a file that is not what it seems to be can raise
BROKEN = (
    ConfigError, OSError, ValueError, KeyError, TypeError, IndexError, AttributeError,
    ArithmeticError, RecursionError, csv.Error, yaml.YAMLError,
)  # fmt: skip
LARGEST = 64_000_000  # bytes of a text file
ALLOWED = (
    "folders or files that `abgnn frontier`, `compare`, `calibrate`, `plan`, `certify`, `predict` "
    "or `fit` wrote"
)


def read_runs(runs: Sequence[str]) -> Runs:
    """Everything that files and folders hold.

    Raises:
        ConfigError: no path, a path that is not there, or nothing that is recognised.
    """
    if not runs:
        raise ConfigError("RUNS", None, ALLOWED)
    contents = Runs()
    for path, name in _files(runs):
        _read(path, name, contents)
    contents.records = _merged(_labelled(contents.records))
    if not contents.records and not contents.notices:
        raise ConfigError("RUNS", list(runs), ALLOWED)
    return contents


def _files(runs: Sequence[str]) -> Iterator[tuple[Path, str]]:
    """Every file once, with the name under which it is shown."""
    seen: set[Path] = set()
    for run in runs:
        root = Path(run)
        if "\0" in run or not root.exists():
            raise ConfigError("RUNS", run, f"a path that exists: {ALLOWED}")
        if not root.is_dir() and not root.is_file():
            raise ConfigError("RUNS", run, "a folder or a regular file")
        inside = sorted(_walk(root)) if root.is_dir() else [root]
        for path in inside:
            if (real := path.resolve()) not in seen:
                seen.add(real)
                shown = Path(root.resolve().name) / path.relative_to(root)
                yield path, plain(shown if root.is_dir() else path.name)


def _walk(root: Path) -> Iterator[Path]:
    """Regular files below a folder; links to folders are not followed: no loop is run into."""
    for folder, _, names in os.walk(root):
        yield from (path for name in names if (path := Path(folder) / name).is_file())


def _read(path: Path, name: str, contents: Runs) -> None:
    reader = _reader(path)
    if reader is None:
        contents.others.append(name)
        return
    try:
        if path.suffix not in (".sqlite", ".db") and path.stat().st_size > LARGEST:
            raise ConfigError("size", path.stat().st_size, f"at most {LARGEST} bytes")
        record, remark = reader(path, name)
    except BROKEN as error:
        contents.notices.append(Notice(name, _reason(error)))
        return
    if remark:
        contents.notices.append(Notice(name, remark))
    if record is None:
        contents.others.append(name)
    else:
        contents.records.append(record)


Read = tuple[Record | None, str]  # a record, and a remark on the file


def _reader(path: Path) -> Callable[[Path, str], Read] | None:
    if path.suffix in (".yaml", ".yml"):
        return _read_config if path.name.startswith("config") else None
    by_suffix: dict[str, Callable[[Path, str], Read]] = {
        ".json": read_json_record,
        ".jsonl": read_lines,
        ".csv": read_csv,
        ".sqlite": read_recording,
        ".db": read_recording,
    }
    return by_suffix.get(path.suffix)


def _read_config(path: Path, name: str) -> Read:
    """The text as it is; one that is no YAML is shown too, with a remark."""
    text = path.read_text(encoding="utf-8")
    try:
        label, remark = _label_of(yaml.safe_load(text)), ""
    except (yaml.YAMLError, RecursionError) as error:
        label, remark = UNKNOWN, f"no YAML: {_reason(error)}"
    return Configuration(name, label, text), remark


def _label_of(config: Any) -> str:
    """Where an experiment's answers come from, by its client."""
    for key in ("model", "client", "class_path"):
        config = config.get(key) if isinstance(config, dict) else None
    if not isinstance(config, str):
        return UNKNOWN
    kind = config.rpartition(".")[2]
    return {"SimulatedClient": "simulated", "RecordedClient": "recorded"}.get(kind, "live")


def _labelled(records: Sequence[Record]) -> list[Record]:
    """Traces and recordings take the label of what lies beside them, if that is one label."""
    beside: dict[str, set[str]] = {}
    for record in records:
        if record.label != UNKNOWN:
            beside.setdefault(os.path.dirname(record.path), set()).add(record.label)
    return [
        _with_label(record, beside.get(os.path.dirname(record.path), set())) for record in records
    ]


def _with_label(record: Record, beside: set[str]) -> Record:
    if (
        record.label != UNKNOWN
        or not isinstance(record, (Spend, PredictedPlans))
        or len(beside) != 1
    ):
        return record
    return replace(record, label=min(beside))


def _merged(records: Sequence[Record]) -> list[Record]:
    """Jobs of one comparison become one record; beside its points.csv they only add budgets."""
    kept: dict[tuple[str, str], Record] = {}
    for record in records:
        if not isinstance(record, Points):
            kept[type(record).__name__, record.path] = record
            continue
        key = ("Points", os.path.dirname(record.path.replace("/jobs/", "/")))
        before = kept.get(key)
        kept[key] = record if not isinstance(before, Points) else _together(before, record)
    return list(kept.values())


def _together(a: Points, b: Points) -> Points:
    budgets, waits = a.budgets or b.budgets, a.waits or b.waits
    known = [p.spent_usd for p in (a, b) if p.spent_usd is not None]
    spent = sum(known) if known else None
    whole = next((p for p in (a, b) if p.path.endswith(".csv")), None)
    if whole is not None:
        return replace(whole, budgets=budgets, waits=waits, spent_usd=spent)
    label = a.label if a.label == b.label else f"{a.label} and {b.label}"
    return Points(os.path.dirname(a.path) or a.path, label, a.rows + b.rows, budgets, waits, spent)


def _reason(error: BaseException) -> str:
    """What went wrong, in one short line."""
    if isinstance(error, json.JSONDecodeError):
        return f"broken or cut off: no JSON at line {error.lineno}, column {error.colno}"
    if isinstance(error, KeyError):
        return f"broken, or of another version: {error.args[0]!r} is missing"
    line = " ".join(f"{type(error).__name__}: {error}".split())
    return line if len(line) <= 300 else f"{line[:299]}…"
