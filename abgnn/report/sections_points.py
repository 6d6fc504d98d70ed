"""P@ tables, every row, ablations: from points, tables, held-out rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import stdtrit

from abgnn.evaluation.frontier import performance_at
from abgnn.report.markup import Html, folded, section, table, tag
from abgnn.report.points import AXES, by_method, spanning
from abgnn.report.records import CompareTable, Grid, HeldOut, PointRow, Points, Rivals, Runs

_HELD = {"method", "point", "column", "mean", "minus_ours", "half_width_95"}
_TABLES = 3  # of held-out questions; more are folded
_LONG = 30  # rows from which a table of another kind is folded
_ROWS = 2000  # rows of one table


def tables(runs: Runs) -> Html:
    """P@ budgets, held-out rows and every row of every file."""
    parts: list[Html] = [_compare_table(t) for t in runs.of(CompareTable)]
    parts += [_rivals_table(r) for r in runs.of(Rivals)]
    tabled = {_folder(t.path) for t in (*runs.of(CompareTable), *runs.of(Rivals))}
    for points in runs.of(Points):
        if _folder(points.path) not in tabled:
            parts += _budget_tables(points)
        parts.append(_explained(points))
        every = _rows_table(f"{points.path}: every row", points.label, points.rows)
        parts.append(folded(f"Every row of {points.path} ({len(points.rows)})", every))
    held_out = runs.of(HeldOut)
    for held in held_out:
        made = _rows_table(f"{held.path}: held-out questions", held.label, held.rows)
        few = len(held_out) <= _TABLES
        parts.append(made if few else folded(f"Held-out questions: {held.path}", made))
    parts += [_as_it_is(grid) for grid in runs.of(Grid) if not _is_ablation(grid.path)]
    return section("tables", "Tables", *parts) if parts else Html()


def ablation(runs: Runs) -> Html:
    """Methods named so, or all of a folder named so, against the full model; tables as they are."""
    parts = [_held_table(grid) for grid in runs.of(Grid) if _is_ablation(grid.path)]
    for points in runs.of(Points):
        named = by_method(points.rows)
        full = next((m for m in named if not _is_ablation(m)), None)
        if full is None:
            continue
        whole = _is_ablation(_folder(points.path))
        alike = [m for m in named if m != full and whole and _common(named[full], named[m])]
        without = [m for m in named if _is_ablation(m) or m in alike]
        if without:
            parts.append(_ablation_table(points, named, full, without))
    return section("ablation", "Ablation", *parts) if parts else Html()


def _as_it_is(grid: Grid) -> Html:
    """A table of another kind; folded if it is long."""
    made = table(grid.path, grid.label, grid.head, grid.rows)
    return made if len(grid.rows) <= _LONG else folded(f"{grid.path} ({len(grid.rows)} rows)", made)


def _held_table(grid: Grid) -> Html:
    """What `abgnn compare` wrote as ablation.csv, a row per method; other tables as they are."""
    if not set(grid.head) >= _HELD:
        return _as_it_is(grid)
    cells: dict[tuple[str, str], dict[str, str]] = {}
    for row in grid.rows:
        of = dict(zip(grid.head, row, strict=True))
        less = f" ({of['minus_ours']} ± {of['half_width_95']})" if of["minus_ours"] else ""
        cells.setdefault((of["method"], of["point"]), {})[of["column"]] = of["mean"] + less
    columns = list(dict.fromkeys(column for of in cells.values() for column in of))
    caption = f"{grid.path}: means per query (minus the full model, paired by seed, ± 95 %)"
    rows = [
        (method, point, *(of.get(column, "–") for column in columns))
        for (method, point), of in cells.items()
    ]
    return table(caption, grid.label, ("method", "point", *columns), rows)


def _ablation_table(
    points: Points, named: Mapping[str, Sequence[PointRow]], full: str, without: Sequence[str]
) -> Html:
    rows = []
    for method in (full, *without):
        means = [_mean(named[method], key) for key in ("performance", "cost_usd", "latency_s")]
        ahead = _paired(named[full], named[method]) if method != full else "–"
        rows.append((method, f"{means[0]:.3f}", ahead, f"{1e3 * means[1]:.4g}", f"{means[2]:.3g}"))
    caption = (
        f"{points.path}: means over operating points and seeds; difference to {full}, paired by "
        "seed, with its 95 % interval over seeds"
    )
    head = ("method", "performance", "difference", "mUSD", "s")
    return table(caption, points.label, head, rows)


def _paired(full: Sequence[PointRow], other: Sequence[PointRow]) -> str:
    """Difference of mean performances seed by seed, over points that both have."""
    ours = {(row.seed, row.name): row.performance for row in full}
    by_seed: dict[str, list[float]] = {}
    for row in other:
        if (row.seed, row.name) in ours:
            gap = row.performance - ours[row.seed, row.name]
            by_seed.setdefault(row.seed, []).append(gap)
    gaps = np.array([np.mean(values) for values in by_seed.values()])
    if not len(gaps):
        return "no common points"
    if len(gaps) < 2:
        return f"{gaps.mean():+.3f} (one seed)"
    half = stdtrit(len(gaps) - 1, 0.975) * gaps.std(ddof=1) / len(gaps) ** 0.5
    return f"{gaps.mean():+.3f} ± {half:.3f}"


def _common(full: Sequence[PointRow], other: Sequence[PointRow]) -> bool:
    """Whether it has operating points that the full model has."""
    return bool({row.name for row in full} & {row.name for row in other})


def _is_ablation(name: str) -> bool:
    return name.rpartition("/")[2].lower().startswith("ablation")


def _compare_table(compared: CompareTable) -> Html:
    columns = list(dict.fromkeys(c for cells in compared.cells.values() for c in cells))
    rows = [
        (method, *(_cell(cells.get(column)) for column in columns))
        for method, cells in compared.cells.items()
    ]
    caption = (
        f"{compared.path}: percent, mean ± 95 % over seeds; * above ours, ** clearly (paired, 95 %)"
    )
    return table(caption, compared.label, ("method", *columns), rows)


def _rivals_table(rivals: Rivals) -> Html:
    """A quickstart's methods, budget by budget."""
    rows = [
        (
            row.method,
            f"{1e3 * row.budget_usd:.3g}",
            "–" if row.accuracy is None else f"{100 * row.accuracy:.1f}",
            "–" if row.cost_usd is None else f"{1e3 * row.cost_usd:.3g}",
            "–" if row.ahead is None else _paired_points(row.ahead, row.half),
        )
        for row in rivals.rows
    ]
    caption = f"{rivals.path}: percent within a budget; first method less it, paired by question"
    head = ("method", "at most mUSD", "accuracy", "mUSD spent", "first less it, ± 95 %")
    return table(caption, rivals.label, head, rows)


def _paired_points(ahead: float, half: float | None) -> str:
    return f"{100 * ahead:+.1f}" + ("" if half is None else f" ± {100 * half:.1f}")


def _cell(cell: tuple[float, float, str] | None) -> str:
    if cell is None:
        return "–"
    mean, half, mark = cell
    spread = "" if np.isnan(half) else f" ± {100 * half:.1f}"
    return f"{100 * mean:.1f}{spread}{mark}"


def _explained(points: Points) -> Html:
    """What T1, T2, … stand for, where the jobs say so."""
    letters = [
        f"{letter}{i} = {scale * b:.3g} {unit}"
        for (_, _, unit, scale, letter), budgets in zip(
            AXES, (points.budgets, points.waits), strict=True
        )
        for i, b in enumerate(budgets, 1)
    ]
    return (
        tag("p", f"Budgets per query of {points.path}: {', '.join(letters)}.")
        if letters
        else Html()
    )


def _budget_tables(points: Points) -> list[Html]:
    """P@ of every method at the comparison's budgets, or at four that span the points."""
    named = by_method(points.rows)
    made = []
    for (axis, what, unit, scale, _), stated in zip(
        AXES, (points.budgets, points.waits), strict=True
    ):
        budgets = stated or spanning([float(getattr(row, axis)) for row in points.rows])
        if not budgets:
            continue
        rows = [(m, *(_at(rows, axis, b) for b in budgets)) for m, rows in named.items()]
        chosen = "" if stated else ", four that span the points"
        caption = f"{points.path}: P@ {what} budgets in percent, mean over seeds{chosen}"
        head = ("method", *(f"≤ {scale * b:.3g} {unit}" for b in budgets))
        made.append(table(caption, points.label, head, rows))
    return made


def _at(rows: Sequence[PointRow], axis: str, budget: float) -> str:
    """Performance within a budget, mean over seeds."""
    seeds = sorted({row.seed for row in rows})
    values = [
        performance_at([(getattr(r, axis), r.performance) for r in rows if r.seed == seed], budget)
        for seed in seeds
    ]
    return f"{100 * np.mean(values):.1f}"


def _rows_table(caption: str, label: str, rows: Sequence[PointRow]) -> Html:
    seeds = any(row.seed for row in rows)
    head = ("policy", *(("seed",) if seeds else ()), "accuracy", "± se", "mUSD", "s", "tokens")
    cells = [
        (
            row.name if row.name.startswith(row.method) else f"{row.method}: {row.name}",
            *((row.seed,) if seeds else ()),
            f"{row.performance:.3f}",
            _stated(row.performance_se, ".3f"),
            f"{1e3 * row.cost_usd:.4g}",
            f"{row.latency_s:.3g}",
            _stated(row.tokens, ".0f"),
            _stated(row.calls, ".2f"),
            _stated(row.failed, ".0%"),
            f"{row.n or '–'}",
        )
        for row in rows[:_ROWS]
    ]
    if len(rows) > _ROWS:
        caption += f" (the first {_ROWS} of {len(rows)})"
    return table(caption, label, (*head, "calls", "failed", "rollouts"), cells)


def _stated(value: float, form: str) -> str:
    """A number, or a dash where the file does not state it."""
    return "–" if np.isnan(value) else format(value, form)


def _mean(rows: Sequence[PointRow], key: str) -> float:
    return float(np.mean([getattr(row, key) for row in rows]))


def _folder(path: str) -> str:
    return path.rpartition("/")[0]
