"""Why would I use this? Tables over the parts `headline-…`, `recorded-…`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .figures import Shown, points_text
from .markdown import markdown_table

OURS = ("closed loop", "planner", "PlanNet", "AgentBalance, taught")
DOMAINS = ("general", "math", "code")
SIZES = ("40", "160", "320")
RECORDED = {"recorded-zeroeval": "ZeroEval", "recorded-mmlupro": "MMLU-Pro"}
BEST_ALONE = "best single LLM (hindsight)"
NAMES = {
    "closed loop": "**closed loop**",
    "planner": "**planner by question**",
    "planner, blind": "planner, one mixture for all",
    "PlanNet": "**PlanNet** (taught)",
    "AgentBalance, taught": "**AgentBalance, taught**",
    "router": "router, same beliefs",
    "cascade": "fixed cascade",
}
"""What rows are called; those that are not here are called as in the config."""
Parts = Mapping[str, Mapping[str, Shown]]


def ahead_table(parts: Parts, names: Mapping[str, str]) -> str:
    """Points ahead of the random mixture of single LLMs, mean of the budgets of USD.

    Args:
        parts: what is there.
        names: part → head of its column.
    """
    there = {part: parts[part][""] for part in names if part in parts}
    methods = _methods(list(there.values()))
    rows = []
    for method in (*methods, BEST_ALONE):
        cells = [_ahead(shown, method) for shown in there.values()]
        rows.append([NAMES.get(method, method), *cells])
    rows.append(["worlds or draws", *(str(shown.seeds) for shown in there.values())])
    heads = ["points over the mixture, ± 95 %", *(names[part] for part in there)]
    return markdown_table(heads, rows, ["l", *["r"] * len(there)])


def _methods(there: Sequence[Shown]) -> list[str]:
    """In the order of the configs, without the base."""
    names = [m.name for shown in there for m in shown.comparison.methods]
    bases = {shown.comparison.base for shown in there}
    return [name for name in dict.fromkeys(names) if name not in bases]


def _ahead(shown: Shown, method: str) -> str:
    if method == BEST_ALONE:
        mine = shown.best_alone()
    elif method in shown.lines:
        mine = shown.mean_within(method)
    else:
        return ""
    mixture = shown.mean_within(shown.comparison.base)
    return points_text([a - b for a, b in zip(mine, mixture, strict=True)])


def simulated_table(parts: Parts) -> str:
    """All domains and numbers of calls."""
    names = {f"headline-{d}-{size}": f"{d} {size}" for d in DOMAINS for size in SIZES}
    return ahead_table(parts, names)


def short_table(parts: Parts) -> str:
    """Domains at 160 rollouts: points over the mixture, and USD to the best single LLM's accuracy
    over that LLM's, median of the worlds."""
    there = {d: parts[f"headline-{d}-160"][""] for d in DOMAINS if f"headline-{d}-160" in parts}
    rows = []
    for method in _methods(list(there.values())):
        shares = [
            _share(shown.share_of_best(method)) if method in shown.lines else ""
            for shown in there.values()
        ]
        ahead = [_ahead(shown, method) for shown in there.values()]
        rows.append([NAMES.get(method, method), *ahead, *shares])
    worlds = [str(shown.seeds) for shown in there.values()]
    rows.append(["worlds", *worlds, *worlds])
    heads = ["", *(f"{what}: {domain}" for what in ("points", "USD") for domain in there)]
    return markdown_table(heads, rows, ["l", *["r"] * (2 * len(there))])


def recorded_table(parts: Parts) -> str:
    """Recorded answers of real LLMs."""
    return ahead_table(parts, RECORDED)


def budgets_table(parts: Parts, part: str) -> str:
    """Of one part: P@, areas, dollars to the best LLM's accuracy, ours less it."""
    shown = parts[part][""]
    both = {"T": shown.comparison.cost_budgets, "L": shown.comparison.latency_budgets}
    letters = [f"P@{x}{k}" for x, budgets in both.items() for k in range(1, len(budgets) + 1)]
    heads = ["", *letters, "area, USD", "area, s", "USD to the best LLM's accuracy",
             f"{shown.comparison.ours} less it", "calls to learn"]  # fmt: skip
    ours = shown.mean_within(shown.comparison.ours)
    rows = []
    for method in (*_methods([shown]), shown.comparison.base):
        line = shown.lines[method]
        cells = [f"{100 * line.cells[c].mean:.1f}" for c in letters]
        cells += [f"{100 * line.cells[f'narrow_{x}'].mean:.1f}" for x in ("tok", "lat")]
        less = [a - b for a, b in zip(ours, shown.mean_within(method), strict=True)]
        name = NAMES.get(method, method)
        name = "mixture of single LLMs (hindsight)" if method == shown.comparison.base else name
        runs = f"{line.runs} × " if line.runs > 1 else ""
        calls = f"{runs}{line.calls:,.0f}" if line.calls else "0"
        differs = "" if method == shown.comparison.ours else points_text(less)
        rows.append([name, *cells, _share(shown.share_of_best(method)), differs, calls])
    return markdown_table(heads, rows, ["l", *["r"] * (len(heads) - 1)])


def _share(shares: Sequence[float]) -> str:
    """Median over seeds of USD over the best LLM's USD; where it is reached in most of them."""
    middle = float(np.median(shares))
    return f"{100 * middle:.0f} %" if np.isfinite(middle) else "not reached"
