"""Tables of loop_world: means over draws, then over worlds ± 95 %."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean, stdev

import numpy as np
from loop_world_figures import SHARES, Figures
from over_worlds import plus_minus, table_of
from rich.table import Table

Worlds = Sequence[Sequence[Figures]]
RIVALS = {
    "mixture": "mixture of single LLMs (hindsight)",
    "router": "router of the same beliefs",
    "static": "plan by question, same calibration",
    "single": "best single LLM of at most that cost",
}
USES = ("use", "paced", "paced, dearer", "latency use", "cost use beside")
USES += ("paced latency", "paced cost beside", "standard use")


def shown(domain: str, worlds: Worlds) -> list[Table]:
    """What was measured, one thing a table."""
    draws = sum(len(cells) for cells in worlds)
    title = f"{domain}, simulated: {len(worlds)} worlds, {draws} cases"
    return [_gains(title, worlds), _budgets(worlds), _others(worlds)]


def _gains(title: str, worlds: Worlds) -> Table:
    table = table_of(f"{title}: closed loop less … (points)", ["", "mean", *"1234", "worst world"])
    for name, words in RIVALS.items():
        if name in worlds[0][0]:
            table.add_row(words, *_differences(worlds, "loop", name))
    if "standard loop" in worlds[0][0]:
        row = _differences(worlds, "standard loop", "standard static")
        table.add_row("320 rollouts of committees: plan by question", *row)
    for name, words in (("top", "best point"), ("unlimited", "unlimited budget")):
        by_world = _over_draws(worlds, lambda cell, name=name: 100 * cell[name][0])
        worst = f"{min(by_world):+.2f}"
        table.add_row(f"{words} less best single LLM", plus_minus(by_world), *[""] * 4, worst)
    beside = np.array([[cell["beside the best"] for cell in cells] for cells in worlds])
    matched = np.flatnonzero(beside.mean((0, 1)) >= 0)
    share = f"{SHARES[matched[0]]:.2f}" if len(matched) else "never"
    table.add_row("share of its cost that matches it", share)
    return table


def _differences(worlds: Worlds, one: str, other: str) -> list[str]:
    def at(cell: Figures) -> list[float]:
        return [100 * (a - b) for a, b in zip(cell[one], cell[other], strict=True)]

    by_world = _over_draws(worlds, lambda cell: mean(at(cell)))
    by_budget = [plus_minus(_over_draws(worlds, lambda cell, k=k: at(cell)[k])) for k in range(4)]
    return [plus_minus(by_world), *by_budget, f"{min(by_world):+.2f}"]


def _over_draws(worlds: Worlds, of) -> list[float]:  # type: ignore[no-untyped-def]
    return [mean(of(cell) for cell in cells) for cells in worlds]


def _budgets(worlds: Worlds) -> Table:
    heads = ["realised / budget", "mean", "sd of cases", "sd of worlds", *"1234"]
    table = table_of("", heads)
    for name in USES:
        if name not in worlds[0][0]:
            continue
        cases = [mean(cell[name]) for cells in worlds for cell in cells]
        by_world = _over_draws(worlds, lambda cell, name=name: mean(cell[name]))
        each = [
            f"{mean(cell[name][k] for cells in worlds for cell in cells):.3f}"
            for k in range(len(worlds[0][0][name]))
        ]
        sds = [f"{stdev(values):.3f}" if len(values) > 1 else "" for values in (cases, by_world)]
        table.add_row(name, f"{mean(cases):.3f}", *sds, *each, *[""] * (4 - len(each)))
    return table


def _others(worlds: Worlds) -> Table:
    cells = [cell for each in worlds for cell in each]
    table = table_of("", ["", "figures"])

    def add(words: str, name: str, digits: int = 3) -> None:
        rows = np.array([cell[name] for cell in cells]).mean(0)
        table.add_row(words, " ".join(f"{value:.{digits}f}" for value in rows))

    add("accuracy at the four budgets", "loop")
    add("P(right) shown less share right", "shown")
    add("calls per question, by budget", "calls", 2)
    add("share of questions with 0 to 4 calls", "calls of a question", 2)
    add("seconds, by budget", "seconds", 1)
    add("limited seconds: seconds, accuracy, USD", "parallel", 4)
    add("the same prices, one after the other", "sequential", 4)
    add("without the limit", "no limit", 4)
    add("executed as replayed, by budget", "same")
    add("CPU ms per decision", "ms per decision", 2)
    add("CPU ms per question", "ms per question", 2)
    return table
