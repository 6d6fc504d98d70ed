"""The paper's Tables 1 to 3 and Figures 4 and 5, as tables, in either version of the world."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from abgnn.evaluation.frontier import performance_at
from abgnn.evaluation.rows import Row
from abgnn.experiments.compare.ablation import COLUMNS, compared_with_ours
from abgnn.experiments.compare.controls import CLAIRVOYANT
from abgnn.experiments.compare.table import budgets_of, interval
from abgnn.experiments.inductive import ORIGINAL, SINGLE, Measured
from abgnn.experiments.inductive_table import figures

from .figures import NAN, Shown, interval_text, points_text
from .headline import DOMAINS, Parts
from .markdown import markdown_table
from .parts import read_parts
from .rows import RESULTS, Made, rows_of

TIGHT = ("P@T1", "P@T2", "P@L1", "P@L2")


def table1(parts: Parts, version: str = "") -> str:
    """P@T1 … P@T4 | P@L1 … P@L4 in percent; bold: above ours with a paired 95 % interval."""
    there = _domains(parts, "table1", version)
    names = dict.fromkeys(m.name for shown in there.values() for m in shown.comparison.methods)
    rows = []
    for name in names:
        cells = [_cells(shown, name) for shown in there.values()]
        lines = [shown.lines[name] for shown in there.values() if name in shown.lines]
        calls = lines[0]
        learned = f"{calls.runs} × {calls.calls:,.0f}" if calls.calls else "0"
        rows.append([name, learned, *cells])
    rows.append(["worlds", "", *(str(shown.seeds) for shown in there.values())])
    first = "T1 T2 T3 T4 | L1 L2 L3 L4"
    heads = ["", "calls to learn", *(f"{d}: {first}" if not k else d for k, d in enumerate(there))]
    return markdown_table(heads, rows, ["l", "r", *["l"] * len(there)])


def _domains(parts: Parts, table: str, version: str) -> dict[str, Shown]:
    """By domain, those that are there."""
    named = {domain: f"{table}-{domain}{version}" for domain in DOMAINS}
    return {domain: parts[name][""] for domain, name in named.items() if name in parts}


def _cells(shown: Shown, method: str) -> str:
    if method not in shown.lines:
        return ""
    cells = shown.lines[method].cells
    groups = []
    for letter in "TL":
        each = [cells[f"P@{letter}{k}"] for k in range(1, 5)]
        texts = [f"{100 * c.mean:.1f}" for c in each]
        groups.append(
            " ".join(f"**{t}**" if c.clear else t for t, c in zip(texts, each, strict=True))
        )
    return " | ".join(groups)


def areas(parts: Parts, version: str = "") -> str:
    """Share of the clairvoyant's area: USD, seconds in Appendix D's window | in the narrow one."""
    there = _domains(parts, "table1", version)
    names = dict.fromkeys(m.name for shown in there.values() for m in shown.comparison.methods)
    rows = []
    for name in names:
        if name == CLAIRVOYANT:
            continue
        cells = []
        for shown in there.values():
            if name not in shown.lines:
                cells.append("")
                continue
            mine, best = shown.lines[name].cells, shown.lines[CLAIRVOYANT].cells
            share = {
                c: f"{mine[c].mean / best[c].mean:.3f}".lstrip("0")
                for c in ("AUC_tok", "AUC_lat", "narrow_tok", "narrow_lat")
            }
            cells.append(
                f"{share['AUC_tok']}, {share['AUC_lat']} | "
                f"{share['narrow_tok']}, {share['narrow_lat']}"
            )
        rows.append([name, *cells])
    return markdown_table(["", *there], rows, ["l"] * (len(there) + 1))


def table2(parts: Parts, version: str = "") -> str:
    """Systems as they are and with a policy plugged in: percent, and points over as it is."""
    rows = []
    for system, shown in parts[f"table2{version}"].items():
        base = shown.comparison.base
        for line in shown.lines.values():
            cells = [f"{100 * line.cells[c].mean:.1f}" for c in TIGHT]
            cells += [f"{100 * line.cells[f'AUC_{x}'].mean:.1f}" for x in ("tok", "lat")]
            less = [_less(shown, line.method, base, column) for column in TIGHT]
            calls = [row.calls for row in shown.rows if row.method == line.method]
            rows.append([system, line.method, *cells, *less, f"{np.mean(calls):.0f}"])
    heads = ["system", "method", *TIGHT, "AUC_tok", "AUC_lat",
             *(f"{c} less as it is" for c in TIGHT), "LLM calls"]  # fmt: skip
    return markdown_table(heads, rows, ["l", "l", *["r"] * (len(heads) - 2)])


def _less(shown: Shown, method: str, base: str, column: str) -> str:
    if method == base:
        return ""
    letter, place = column[2], int(column[3]) - 1
    axis = "cost_usd" if letter == "T" else "latency_s"
    budget = budgets_of(shown.comparison, axis)[place]
    gaps = [
        performance_at(shown.points(method, seed, axis), budget)
        - performance_at(shown.points(base, seed, axis), budget)
        for seed in shown.comparison.seeds
    ]
    return points_text(gaps)


def table3(parts: Parts, version: str = "") -> str:
    """Ablations at the third operating point: paired difference to the full model, ± 95 %."""
    there = _domains(parts, "table3", version)
    made = {
        domain: {
            each.method: each
            for each in compared_with_ours(
                shown.comparison, shown.comparison.ablation or "", shown.results
            )
        }
        for domain, shown in there.items()
    }
    heads = ["", *(f"{d}: {c}" for d in there for c in ("accuracy", "mUSD", "s"))]
    names = dict.fromkeys(name for lines in made.values() for name in lines)
    rows = []
    for name in names:
        cells = []
        for lines in made.values():
            line = lines.get(name)
            for column, digits in zip(COLUMNS[:3], (3, 2, 1), strict=True):
                if line is None:
                    cells.append("")
                elif column not in line.less:
                    cells.append(f"{line.mean[column]:.{digits}f}")
                else:
                    cells.append(interval_text(*line.less[column], digits))
        rows.append([name, *cells])
    rows.append(["worlds", *(t for s in there.values() for t in (str(s.seeds), "", ""))])
    return markdown_table(heads, rows, ["l", *["r"] * (len(heads) - 1)])


def figure4(version: str = "", folder: Path = RESULTS) -> str:
    """The same weights on other catalogues: points of area less those as trained, paired."""
    part = next(p for p in read_parts() if p.name == f"figure4{version}")
    comparison = part.comparisons()[""]
    by: dict[tuple[str, str], dict[int, Mapping[str, float]]] = {}
    for (system, catalogue, seed), rows in _grouped(rows_of(part.name, folder).all).items():
        by.setdefault((system, catalogue), {})[seed] = figures(comparison, rows)
    changed = [c for c in dict.fromkeys(c for _, c in by) if c != ORIGINAL]
    systems = [s for s in dict.fromkeys(s for s, _ in by) if s != SINGLE]
    rows_ = []
    for catalogue in changed:
        cells = []
        for system in systems:
            before, after = by[system, ORIGINAL], by[system, catalogue]
            for area in ("narrow_tok", "narrow_lat"):
                both = sorted(set(before) & set(after))
                cells.append(points_text([after[s][area] - before[s][area] for s in both]))
        rows_.append([catalogue, *cells, str(len(by[systems[0], catalogue]))])
    heads = ["catalogue", *(f"{s}: area, {x}" for s in systems for x in ("USD", "s")), "worlds"]
    return markdown_table(heads, rows_, ["l", *["r"] * (len(heads) - 1)])


def _grouped(rows: Sequence[Made]) -> dict[tuple[str, str, int], list[Measured]]:
    out: dict[tuple[str, str, int], list[Measured]] = {}
    for r in rows:
        row = Row(r.row, r.performance, NAN, r.cost_usd, r.latency_s, NAN, r.calls, NAN, r.rollouts)
        out.setdefault((r.method, r.on, r.seed), []).append(
            Measured(r.method, r.on, r.seed, row, {})
        )
    return out


def figure5(parts: Parts, version: str = "") -> str:
    """One parameter at a time: accuracy, mUSD, seconds at its least, middle and greatest value."""
    shown = parts[f"figure5{version}"][""]
    rows = []
    for method in shown.comparison.methods:
        if method.name not in shown.comparison.varied:
            continue
        for value in method.points:
            rows_ = [r for r in shown.rows if r.method == method.name and r.point == value]
            figures_ = [[r.performance, 1e3 * r.cost_usd, r.latency_s] for r in rows_]
            means = [interval(column) for column in zip(*figures_, strict=True)]
            cells = [interval_text(*m, d, "") for m, d in zip(means, (3, 2, 1), strict=True)]
            rows.append([method.name, value, *cells])
    heads = ["parameter", "value", "accuracy", "mUSD", "s"]
    return markdown_table(heads, rows, ["l", "r", "r", "r", "r"])
