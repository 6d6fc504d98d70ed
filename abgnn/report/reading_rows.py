"""CSV files: points, a comparison's table, held-out rows; any other table is shown as it is."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from abgnn.report.reading_json import finite, point_row
from abgnn.report.records import (
    UNKNOWN,
    CompareTable,
    Grid,
    HeldOut,
    PointRow,
    Points,
    Record,
    RivalRow,
    Rivals,
)

_POINT = {"name", "performance", "performance_se", "cost_usd", "latency_s", "tokens", "calls"}
_WORLDS = {"world", "method", "point", "accuracy", "cost_usd", "latency_s"}  # of a quickstart
_RIVALS = {"method", "budget_usd", "accuracy", "cost_usd", "ours_minus", "half_width"}
_TABLE = {"method", "column", "mean", "half_width_95", "beats_ours", "clearly"}
_MOST = 2000  # rows of a table that is shown as it is


def read_csv(path: Path, name: str) -> tuple[Record | None, str]:
    """A record and a remark on rows that were left out; None: no table of ours."""
    with path.open(newline="", encoding="utf-8") as file:
        lines = [line for line in csv.reader(file) if line]
    if not lines:
        return None, "empty"
    head = lines[0]
    rows = [dict(zip(head, line, strict=False)) for line in lines[1:]]
    label = _label(rows)
    if set(head) >= _TABLE:
        return _table(rows, name, label)
    if set(head) >= _RIVALS:
        return _rivals(rows, name, label)
    if set(head) >= _WORLDS:
        rows = [_of_world(row) for row in rows]
    if set(head) >= _POINT or set(head) >= _WORLDS:
        points, remark = _points(rows)
        if not points:
            return None, remark or "no row"
        held_out = path.name == "held_out.csv"
        return HeldOut(name, label, points) if held_out else Points(name, label, points), remark
    if "source" in head:
        return _grid(lines, name, label)
    return None, ""


def _label(rows: Sequence[dict[str, str]]) -> str:
    labels = sorted({row["source"] for row in rows if row.get("source")})
    return " and ".join(labels[:3]) or UNKNOWN


def _points(rows: Sequence[dict[str, str]]) -> tuple[tuple[PointRow, ...], str]:
    read = [_point(row) for row in rows]
    good = tuple(row for row in read if row is not None)
    return good, _left_out(len(rows) - len(good), len(rows))


def _point(row: dict[str, str]) -> PointRow | None:
    try:
        return point_row(row)
    except (KeyError, TypeError, ValueError):
        return None


def _of_world(row: dict[str, str]) -> dict[str, str]:
    """A quickstart's row in the words of a comparison's; what it does not state is empty."""
    names = {"world": "seed", "point": "name", "accuracy": "performance",
             "accuracy_se": "performance_se", "rollouts": "n"}  # fmt: skip
    empty = dict.fromkeys(("performance_se", "tokens", "calls", "failed", "n"), "")
    return empty | {names.get(key, key): value for key, value in row.items()}


def _rivals(rows: Sequence[dict[str, str]], name: str, label: str) -> tuple[Record | None, str]:
    """Methods at budgets; the rows of means over the budgets are of no use here."""
    at = [row for row in rows if row.get("budget_usd") != "mean"]
    read = [_rival(row) for row in at]
    good = tuple(row for row in read if row is not None)
    return (Rivals(name, label, good) if good else None), _left_out(read.count(None), len(at))


def _rival(row: dict[str, str]) -> RivalRow | None:
    try:
        budget = finite(row["budget_usd"])
        keys = ("accuracy", "cost_usd", "ours_minus", "half_width")
        cells = [None if row[key] in ("", "nan") else finite(row[key]) for key in keys]
    except (KeyError, TypeError, ValueError):
        return None
    return RivalRow(row["method"], budget, *cells)


def _table(rows: Sequence[dict[str, str]], name: str, label: str) -> tuple[Record | None, str]:
    cells: dict[str, dict[str, tuple[float, float, str]]] = {}
    read = [_cell(row) for row in rows]
    for row, cell in zip(rows, read, strict=True):
        if cell is not None:
            cells.setdefault(row["method"], {})[row["column"]] = cell
    remark = _left_out(read.count(None), len(rows))
    return (CompareTable(name, label, cells) if cells else None), remark


def _cell(row: dict[str, str]) -> tuple[float, float, str] | None:
    """Mean, half width (NaN with one seed) and mark; None if the row is cut off."""
    try:
        mean, half, clear = finite(row["mean"]), float(row["half_width_95"]), row["clearly"]
        return mean, half, "**" if clear == "1" else "*" if row["beats_ours"] == "1" else ""
    except (KeyError, TypeError, ValueError):
        return None


def _grid(lines: Sequence[Sequence[str]], name: str, label: str) -> tuple[Record | None, str]:
    head = tuple(lines[0])
    whole = [tuple(line) for line in lines[1:] if len(line) == len(head)]
    bad = len(lines) - 1 - len(whole)
    remark = _left_out(bad, len(lines) - 1)
    if len(whole) > _MOST:
        remark += f"the first {_MOST} of {len(whole)} rows are shown"
    shown = [k for k, column in enumerate(head) if column != "source" or " and " in label]
    rows = tuple(tuple(_rounded(line[k]) for k in shown) for line in whole[:_MOST])
    return Grid(name, label, tuple(head[k] for k in shown), rows), remark


def _rounded(cell: str) -> str:
    """Fractions to four digits, anything else as it is."""
    try:
        return cell if "." not in cell else f"{float(cell):.4g}"
    except ValueError:
        return cell


def _left_out(bad: int, count: int) -> str:
    return f"{bad} of {count} rows are broken or cut off, and left out" if bad else ""
