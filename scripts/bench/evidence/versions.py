"""Table 1 as 0.1.0 printed it, beside what this version gives in the same world and in the next."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from abgnn.experiments.compare.table import interval

from .figures import Shown, interval_text
from .headline import DOMAINS, Parts
from .markdown import markdown_table
from .printed import PRINTED, read_printed

BEFORE = "compare-budgets"
HEADS = [f"P@T{k}" for k in range(1, 5)]
OURS = "AgentBalance"
RENAMED = {
    "planner, a plan per budget": "planner",
    "single LLM in any role": "single LLM, any role",
}
"""Methods that 0.1.0's table calls otherwise, beside what stands in brackets."""


def versions_table(parts: Parts) -> str:
    """Mean of P@T1 … P@T4 in percent, by domain: 0.1.0 in world 2 → here in world 2 → in world 3.

    Rows are the methods of 0.1.0's table, a dash where there is no figure. Last, in world 3, what
    AgentBalance has more, with an interval over the worlds of all domains.
    """
    before = _printed()
    after = {version: _means(parts, version) for version in ("-v2", "")}
    rows = []
    for method, figures in before.items():
        cells = []
        for domain in DOMAINS:
            three = [figures.get(domain), *(a.get((method, domain)) for a in after.values())]
            cells.append(" → ".join("–" if f is None else f"{f:.1f}" for f in three))
        rows.append([method, *cells, _less(parts, method)])
    now = [shown for domain in DOMAINS if (shown := _part(parts, domain, "")) is not None]
    worlds = str(sum(shown.seeds for shown in now))
    rows.append(["worlds", *(_worlds(parts, domain) for domain in DOMAINS), worlds])
    heads = ["", *DOMAINS, f"{OURS} less it, now"]
    return markdown_table(heads, rows, [*["l"] * (1 + len(DOMAINS)), "r"])


def _less(parts: Parts, method: str) -> str:
    """AgentBalance less a method, in points: each world's mean of the budgets, paired."""
    more: list[float] = []
    for domain in DOMAINS:
        shown = _part(parts, domain, "")
        if shown is None or not {method, OURS} <= set(shown.lines):
            continue
        pairs = zip(shown.mean_within(OURS), shown.mean_within(method), strict=True)
        more += [100 * (ours - its) for ours, its in pairs]
    return "" if method == OURS or not more else interval_text(*interval(more))


def _part(parts: Parts, domain: str, version: str) -> Shown | None:
    return parts.get(f"table1-{domain}{version}", {}).get("")


def _printed() -> dict[str, dict[str, float]]:
    """By method and domain."""
    table = read_printed(PRINTED / f"{BEFORE}.csv")
    columns = {head.split()[0]: k for k, head in enumerate(table.header)}
    return {
        _name(row[0]): {domain: _mean_of_cell(row[columns[domain]]) for domain in DOMAINS}
        for row in table.rows
    }


def _name(printed: str) -> str:
    known = RENAMED.get(printed, printed)
    return known if "(oracle)" in known else known.split(" (")[0]


def _mean_of_cell(cell: str) -> float:
    """Of the figures at budgets of USD, which stand before the bar."""
    return float(np.mean([float(word.strip("*")) for word in cell.split("|")[0].split()]))


def _means(parts: Parts, version: str) -> Mapping[tuple[str, str], float]:
    there = {domain: _part(parts, domain, version) for domain in DOMAINS}
    return {
        (line.method, domain): 100 * float(np.mean([line.cells[head].mean for head in HEADS]))
        for domain, shown in there.items()
        for line in (() if shown is None else shown.lines.values())
    }


def _worlds(parts: Parts, domain: str) -> str:
    made = (_part(parts, domain, version) for version in ("-v2", ""))
    before = read_printed(PRINTED / f"{BEFORE}.csv").stamps["seeds"]
    return " → ".join([before, *("–" if s is None else str(s.seeds) for s in made)])
