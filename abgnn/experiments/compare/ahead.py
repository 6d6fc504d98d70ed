"""How far each method is ahead of the mixture of single LLMs at the same realised cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from abgnn.experiments.compare.config import Comparison
from abgnn.experiments.compare.job import Job, Result
from abgnn.experiments.compare.table import Axis, Figures, Line, figures_of, lines_of

SINGLE = "single LLM"


def ahead_lines(
    comparison: Comparison, jobs: Sequence[Job], results: Mapping[Job, Result]
) -> list[Line]:
    """A row per method but the base, columns as in `ahead_columns`; none for another base.

    The base's frontier is the mixture: its points are chosen on the very questions that judge,
    which favours it.
    """
    if not any(m.name == comparison.base and m.plain == SINGLE for m in comparison.methods):
        return []
    return lines_of(_differences(comparison, results), comparison, jobs, results)


def ahead_columns(comparison: Comparison, axis: Axis) -> tuple[str, ...]:
    """ahead P@T1, …, ahead mean T; or of L."""
    letter = "T" if axis == "cost_usd" else "L"
    budgets = comparison.budgets[axis != "cost_usd"]
    each = (f"ahead P@{letter}{k}" for k in range(1, len(budgets) + 1))
    return (*each, f"ahead mean {letter}")


def _differences(comparison: Comparison, results: Mapping[Job, Result]) -> Figures:
    out: dict[int, dict[str, dict[str, float]]] = {}
    for seed, methods in figures_of(comparison, results).items():
        base = methods[comparison.base]
        out[seed] = {}
        for name, values in methods.items():
            if name == comparison.base:
                continue
            mine = out[seed][name] = {}
            for axis in ("cost_usd", "latency_s"):
                *columns, mean = ahead_columns(comparison, axis)
                plain = [column.removeprefix("ahead ") for column in columns]
                mine |= {f"ahead {p}": values[p] - base[p] for p in plain}
                if plain:
                    mine[mean] = float(np.mean([values[p] - base[p] for p in plain]))
    return out
