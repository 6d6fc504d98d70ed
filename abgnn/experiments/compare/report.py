"""A comparison on the console, as CSV, LaTeX and picture; all labelled simulated or live."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path

from rich.console import Console
from rich.table import Table

from abgnn.evaluation.rows import Row
from abgnn.experiments.compare.ablation import write_ablation
from abgnn.experiments.compare.ahead import ahead_columns, ahead_lines
from abgnn.experiments.compare.config import Comparison
from abgnn.experiments.compare.controls import CLAIRVOYANT
from abgnn.experiments.compare.cross import cross_columns, cross_lines
from abgnn.experiments.compare.job import Job, Result
from abgnn.experiments.compare.sensitivity import write_sensitivity
from abgnn.experiments.compare.table import (
    AXES,
    Cell,
    Line,
    axes_of,
    budgets_of,
    columns,
    mean_points,
    table_lines,
)
from abgnn.plots.frontier import draw_frontiers

LEARNED = ("training calls", "questions", "points")
NOTE = (
    "in percent, mean ± 95 % interval over seeds; * higher than ours, ** its paired difference to "
    "ours is above 0 at 95 %; training calls: runs per seed × LLM calls of one, on so many "
    "different questions; points: operating points of a method, and of how many they were kept "
    "as those that serve it best"
)


def write_comparison(
    comparison: Comparison,
    jobs: Sequence[Job],
    results: Mapping[Job, Result],
    label: str,
    console: Console,
) -> None:
    """Tables on the console; points.csv, table.csv, table.tex and the picture in the folder."""
    out = Path(comparison.out)
    lines = table_lines(comparison, jobs, results)
    cross, ahead = (of(comparison, jobs, results) for of in (cross_lines, ahead_lines))
    named = columns(comparison)
    axes = axes_of(comparison)
    for axis, letter, _ in axes:
        title = f"within {_budgets(comparison, axis, letter)} per query ({label})"
        console.print(_console_table(lines, named[axis], title))
    for _, letter, _ in axes:
        title = f"without hindsight: P@{letter} chosen on one half of the questions, judged on the "
        shown = [c for c in cross_columns(comparison) if f"@{letter}" in c]
        console.print(_console_table(cross, shown, f"{title}other ({label})"))
    for axis, letter, _ in axes if ahead else ():
        title = f"points ahead of the mixture of single LLMs within the same {letter} ({label})"
        console.print(_console_table(ahead, ahead_columns(comparison, axis), title))
    limit = next((m.name for m in comparison.methods if m.plain == CLAIRVOYANT), "")
    console.print(*_limit_tables(lines, limit, label))
    console.print(f"({NOTE})", markup=False, highlight=False)
    write_ablation(comparison, results, label, console)
    write_sensitivity(comparison, results, label, console)
    _write_points(out / "points.csv", results)
    _write_table(out / "table.csv", [*lines, *cross, *ahead], label)
    (out / "table.tex").write_text(_both_tables(comparison, lines, cross, label), encoding="utf-8")
    picture = out / f"frontiers-{label}.png"
    draw_frontiers(
        {name: p * [1e3, 1] for name, p in mean_points(comparison, results, "cost_usd").items()},
        mean_points(comparison, results, "latency_s") if comparison.latency_budgets else None,
        picture,
        title=f"Performance within a budget ({label}): {out.name}, seeds: {len(comparison.seeds)}",
        cost_unit="mUSD",
        log_x=True,
        simulated=label == "simulated",
    )
    files = f"{out}/points.csv, table.csv, table.tex, {picture.name} ({label})"
    console.print(files, markup=False, highlight=False, soft_wrap=True)


def _limit_tables(lines: Sequence[Line], limit: str, label: str) -> list[Table]:
    """Each method's areas as shares of the clairvoyant's, where it is among them."""
    best = next((line for line in lines if line.method == limit), None)
    if best is None:
        return []
    areas = (f"{window}_{axis}" for _, _, axis in AXES for window in ("AUC", "narrow"))
    named = [area for area in areas if area in best.cells]
    title = f"share of the area of the {limit}: Appendix D's window, and the narrow one ({label})"
    table = Table(title=title, title_justify="left")
    for head in ("method", *named):
        table.add_column(head, justify="left" if head == "method" else "right")
    for line in lines:
        shares = (line.cells[c].mean / best.cells[c].mean for c in named)
        table.add_row(line.method, *(f"{share:.3f}" for share in shares))
    return [table]


def latex(lines: Sequence[Line], groups: Mapping[str, Sequence[str]]) -> str:
    """Table 1's layout (booktabs); the best mean of a column is bold.

    Args:
        lines: rows.
        groups: heading over columns → their names.
    """
    flat = [column for named in groups.values() for column in named]
    best = {c: max(line.cells[c].mean for line in lines) for c in flat}
    rows = [
        [
            _escaped(_name(line)),
            *(_latex_cell(line.cells[c], bold=line.cells[c].mean == best[c]) for c in flat),
            _trained(line).replace("×", r"$\times$"),
            f"{line.questions:.0f}",
            _points(line),
        ]
        for line in lines
    ]
    spans, rules, at = [], [], 2
    for heading, named in groups.items():
        spans.append(rf"\multicolumn{{{len(named)}}}{{c}}{{{heading}}}")
        rules.append(rf"\cmidrule(lr){{{at}-{at + len(named) - 1}}}")
        at += len(named)
    body = [
        rf"\begin{{tabular}}{{l{'r' * len(flat)}rrr}}",
        r"\toprule",
        " & ".join(["", *spans, "", "", r"\\"]),
        "".join(rules),
        " & ".join(["Method", *map(_latex_column, flat), *LEARNED]) + r" \\",
        r"\midrule",
        *(" & ".join(row) + r" \\" for row in rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(body) + "\n"


def _both_tables(
    comparison: Comparison, lines: Sequence[Line], cross: Sequence[Line], label: str
) -> str:
    """All of table.tex."""
    named, crossed = columns(comparison), cross_columns(comparison)
    words = {"cost_usd": "token-cost budgets", "latency_s": "latency budgets"}
    first = {f"{words[axis]} ({label})": named[axis] for axis, _, _ in axes_of(comparison)}
    second = {
        f"{words[axis]}, without hindsight ({label})": [c for c in crossed if f"@{letter}" in c]
        for axis, letter, _ in axes_of(comparison)
    }
    return f"% {label} answers; {NOTE}\n{latex(lines, first)}\n{latex(cross, second)}"


def _budgets(comparison: Comparison, axis: str, letter: str) -> str:
    """Budgets and their unit, in words."""
    unit, scale = ("mUSD", 1e3) if axis == "cost_usd" else ("seconds", 1.0)
    shown = [f"{letter}{k} {b * scale:.3g}" for k, b in enumerate(budgets_of(comparison, axis), 1)]
    return f"{', '.join(shown)} {unit}"


def _console_table(lines: Sequence[Line], named: Sequence[str], title: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("method", no_wrap=True)
    for column in named:
        table.add_column(
            column.removeprefix("cross ").removeprefix("ahead "), justify="right", no_wrap=True
        )
    for head in LEARNED:
        table.add_column(head, justify="right")
    for line in lines:
        cells = [_plain_cell(line.cells[c]) for c in named]
        table.add_row(_name(line), *cells, _trained(line), f"{line.questions:.0f}", _points(line))
    return table


def _write_points(path: Path, results: Mapping[Job, Result]) -> None:
    names = [f.name for f in fields(Row)]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["source", "method", "seed", "train_calls", "train_questions", *names])
        for job, result in results.items():
            for row in result.rows:
                values = asdict(row)
                cells = (values[name] for name in names)
                learned = (result.train_calls, result.train_questions)
                writer.writerow([result.label, job.method, job.seed, *learned, *cells])


def _write_table(path: Path, lines: Sequence[Line], label: str) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        head = ["source", "method", "column", "mean", "half_width_95", "beats_ours", "clearly"]
        writer.writerow([*head, "training_runs", "calls_per_run", "questions", "points", "of"])
        for line in lines:
            for column, cell in line.cells.items():
                values = (cell.mean, cell.half, int(cell.beats), int(cell.clear))
                learned = (line.runs, line.calls, line.questions, line.points, line.of)
                writer.writerow([label, line.method, column, *values, *learned])


def _name(line: Line) -> str:
    missing = "" if line.done == line.jobs else f" [{line.done} of {line.jobs} jobs]"
    return line.method + missing


def _trained(line: Line) -> str:
    if not line.calls:
        return "0"
    return f"{line.runs} × {line.calls:,.0f}"


def _points(line: Line) -> str:
    all_of_them = f"{line.of:.0f}"
    return all_of_them if line.points == line.of else f"{line.points:.0f} of {all_of_them}"


def _mark(cell: Cell) -> str:
    return "**" if cell.clear else "*" if cell.beats else ""


def _plain_cell(cell: Cell) -> str:
    spread = "" if math.isnan(cell.half) else f"±{100 * cell.half:.1f}"
    return f"{100 * cell.mean:.1f}{spread}{_mark(cell)}"


def _latex_cell(cell: Cell, *, bold: bool) -> str:
    mean = rf"\mathbf{{{100 * cell.mean:.1f}}}" if bold else f"{100 * cell.mean:.1f}"
    spread = "" if math.isnan(cell.half) else rf"\pm{100 * cell.half:.1f}"
    mark = f"^{{{_mark(cell)}}}" if cell.beats else ""
    return f"${mean}{spread}{mark}$"


def _latex_column(column: str) -> str:
    column = column.removeprefix("cross ")
    if column.startswith("P@"):
        return rf"P@${column[2]}_{column[3:]}$"
    name, _, axis = column.partition("_")
    return rf"{name}$_{{\mathrm{{{axis}}}}}$"


def _escaped(text: str) -> str:
    for char in "&%#_":
        text = text.replace(char, "\\" + char)
    return text.replace("≥", r"$\geq$").replace("λ", r"$\lambda$")
