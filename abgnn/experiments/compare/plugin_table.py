"""Table 2's layout and the paired differences to each system as it is, losses included."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from rich.console import Console
from rich.table import Table

from abgnn.experiments.compare.config import Comparison
from abgnn.experiments.compare.cross import cross_figures
from abgnn.experiments.compare.job import Job, Result
from abgnn.experiments.compare.table import columns, figures_of, interval

TIGHT = ("P@T1", "P@T2", "P@L1", "P@L2")  # the tightest budgets, where plug-ins matter most


@dataclass(frozen=True, slots=True)
class Plugged:
    """The results of one system's comparison."""

    comparison: Comparison
    jobs: Sequence[Job]
    results: Mapping[Job, Result]
    label: str


@dataclass(frozen=True, slots=True)
class PluginRow:
    """A row of Table 2.

    Args:
        system, method: its names.
        cells: mean and half width of the 95 % interval over seeds, by column.
        calls: mean LLM calls of a question, per point and seed.
    """

    system: str
    method: str
    cells: Mapping[str, tuple[float, float]]
    calls: tuple[float, ...]


Rows: TypeAlias = Sequence[PluginRow]


@dataclass(frozen=True, slots=True)
class Difference:
    """A method minus the system as it is, in one column, paired by seed.

    Args:
        system, method, column: which; a column that begins with `cross` is without hindsight.
        seeds: how many have both.
        mean, method_mean, vanilla_mean: over seeds.
        half: half width of the difference's 95 % interval (Student's t); NaN with one seed.
    """

    system: str
    method: str
    column: str
    seeds: int
    method_mean: float
    vanilla_mean: float
    mean: float
    half: float

    @property
    def beats(self) -> bool:
        """Whether the whole interval is above 0; never with one seed."""
        return self.mean > self.half

    @property
    def text(self) -> str:
        """Points ± interval; `n.s.` where that holds 0."""
        if math.isnan(self.half):
            return f"{100 * self.mean:+.1f}"
        doubt = " n.s." if abs(self.mean) <= self.half else ""
        return f"{100 * self.mean:+.1f}±{100 * self.half:.1f}{doubt}"

    @property
    def verdict(self) -> str:
        """Whether the interval lies above 0, below 0, or on both sides; of one seed, the sign."""
        if math.isnan(self.half):
            return "lower" if self.mean < 0 else "equal" if not self.mean else "higher"
        if self.beats:
            return "beats vanilla"
        return "loses" if self.mean < -self.half else "cannot be told apart"

    @property
    def place(self) -> str:
        """The column in words."""
        plain = self.column.removeprefix("cross ")
        return plain if plain == self.column else f"{plain} without hindsight"


def differences(system: str, plugged: Plugged) -> Iterator[Difference]:
    """All methods but the system as it is, in all columns, also those without hindsight."""
    comparison = plugged.comparison
    plain = figures_of(comparison, plugged.results)
    crossed = cross_figures(comparison, plugged.results)
    by_seed = {
        seed: {m: {**values, **crossed[seed].get(m, {})} for m, values in plain[seed].items()}
        for seed in plain
    }
    for method in (m.name for m in comparison.methods if m.name != comparison.base):
        pairs = [(f[method], f[comparison.base]) for f in by_seed.values() if method in f]
        for column in pairs[0][0] if pairs else ():
            mine, theirs = zip(*((a[column], b[column]) for a, b in pairs), strict=True)
            mean, half = interval([a - b for a, b in zip(mine, theirs, strict=True)])
            means = (interval(mine)[0], interval(theirs)[0])
            yield Difference(system, method, column, len(pairs), *means, mean, half)


def write_plugin_tables(plugged: Mapping[str, Plugged], out: Path, console: Console) -> None:
    """Table 2 and the differences on the console; table2.csv, table2.tex and differences.csv."""
    if not plugged:
        return
    label = next(iter(plugged.values())).label
    compared = [d for name, one in plugged.items() for d in differences(name, one)]
    rows = _rows(plugged)
    out.mkdir(parents=True, exist_ok=True)
    for budgets, letters in (("token-cost", ("P@T", "AUC_tok")), ("latency", ("P@L", "AUC_lat"))):
        title = f"Table 2: within {budgets} budgets, percent, mean ± 95 % interval ({label})"
        console.print(_console_table(rows, letters, title))
    title = f"minus vanilla, paired by seed, in points, at the two tightest budgets ({label})"
    for prefix, how in (("", ""), ("cross ", ", without hindsight")):
        console.print(_difference_table(compared, prefix, title + how))
    for sentence in _reservations(compared, label):
        console.print(sentence, markup=False, highlight=False)
    _write_rows(out / "table2.csv", rows, label)
    _write_differences(out / "differences.csv", compared, label)
    (out / "table2.tex").write_text(_latex(rows, label), encoding="utf-8")
    files = f"{out}/table2.csv, table2.tex, differences.csv ({label})"
    console.print(files, markup=False, highlight=False, soft_wrap=True)


def _rows(plugged: Mapping[str, Plugged]) -> Rows:
    rows: list[PluginRow] = []
    for system, one in plugged.items():
        figures = figures_of(one.comparison, one.results)
        named = [column for axis in columns(one.comparison).values() for column in axis]
        for method in one.comparison.methods:
            mine = [f[method.name] for f in figures.values() if method.name in f]
            if mine:
                cells = {c: interval([values[c] for values in mine]) for c in named}
                of_method = [r for job, r in one.results.items() if job.method == method.name]
                calls = tuple(row.calls for result in of_method for row in result.rows)
                rows.append(PluginRow(system, method.name, cells, calls))
    return rows


def _reservations(compared: Sequence[Difference], label: str) -> Iterator[str]:
    """Per system and method, in words, where it is not shown to beat the system as it is."""
    by_row: dict[tuple[str, str], list[Difference]] = {}
    for d in compared:
        by_row.setdefault((d.system, d.method), []).append(d)
    where = "does not beat vanilla"
    if any(math.isnan(d.half) for d in compared):
        where = "has no higher mean than vanilla"
        yield f"one seed has no interval: nothing here is shown to beat vanilla ({label})"
    for (system, method), cells in by_row.items():
        plain = [d for d in cells if "narrow" not in d.column]
        lost = [d for d in plain if not d.beats and (d.mean <= 0 or not math.isnan(d.half))]
        places = "; ".join(f"{d.place}: {d.verdict} ({d.text})" for d in lost)
        yield f"{system}, {method}, where it {where}: {places or 'nowhere'} ({label})"


def _difference_table(compared: Sequence[Difference], prefix: str, title: str) -> Table:
    table = Table(title=title, title_justify="left")
    for head in ("system", "method"):
        table.add_column(head, no_wrap=True)
    for column in TIGHT:
        table.add_column(column, justify="right", no_wrap=True)
    by_row: dict[tuple[str, str], dict[str, Difference]] = {}
    for d in compared:
        by_row.setdefault((d.system, d.method), {})[d.column] = d
    for (system, method), cells in by_row.items():
        mine = [cells.get(prefix + column) for column in TIGHT]
        table.add_row(system, method, *("" if d is None else d.text for d in mine))
    return table


def _console_table(rows: Rows, letters: tuple[str, ...], title: str) -> Table:
    table = Table(title=title, title_justify="left")
    named = [c for c in rows[0].cells if c.startswith(letters)]
    for head in ("system", "method"):
        table.add_column(head, no_wrap=True)
    for column in (*named, "LLM calls"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            row.system, row.method, *(_cell(*row.cells[c]) for c in named), _calls(row.calls)
        )
    return table


def _calls(calls: Sequence[float]) -> str:
    """The range of calls per question over the method's points."""
    low, high = f"{min(calls):.3g}", f"{max(calls):.3g}"
    return low if low == high else f"{low} to {high}"


def _cell(mean: float, half: float) -> str:
    return f"{100 * mean:.1f}" + ("" if math.isnan(half) else f"±{100 * half:.1f}")


def _latex(rows: Rows, label: str) -> str:
    """Booktabs; the best mean of a system's column is bold."""
    named = [c for c in rows[0].cells if not c.startswith("narrow")]
    lines = [
        f"% {label} answers; percent, mean ± half width of the 95 % interval over seeds",
        rf"\begin{{tabular}}{{ll{'r' * len(named)}}}",
        r"\toprule",
        " & ".join(["System", "Method", *(c.replace("_", r"\_") for c in named)]) + r" \\",
    ]
    for i, row in enumerate(rows):
        lines += [r"\midrule"] if not i or rows[i - 1].system != row.system else []
        texts = [row.system, row.method, *(_latex_cell(rows, row, c) for c in named)]
        texts = [t.replace("±", r"$\pm$").replace("≥", r"$\geq$") for t in texts]
        lines.append(" & ".join(texts) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def _latex_cell(rows: Rows, row: PluginRow, column: str) -> str:
    best = max(other.cells[column][0] for other in rows if other.system == row.system)
    text = _cell(*row.cells[column])
    return rf"\textbf{{{text}}}" if row.cells[column][0] == best else text


def _write_rows(path: Path, rows: Rows, label: str) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["source", "system", "method", "column", "mean", "half_width_95"])
        for row in rows:
            for column, (mean, half) in row.cells.items():
                writer.writerow([label, row.system, row.method, column, mean, half])


def _write_differences(path: Path, compared: Sequence[Difference], label: str) -> None:
    names = ("system", "method", "column", "seeds", "method_mean", "vanilla_mean", "mean", "half")
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["source", *names, "verdict"])
        for d in compared:
            writer.writerow([label, *(getattr(d, name) for name in names), d.verdict])
