"""Performance against cost and against latency budgets, to be read off."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from abgnn.data.arrays import Array
from abgnn.evaluation.frontier import upper_envelope
from abgnn.plots.curves import curves_figure
from abgnn.plots.style import Look, short
from abgnn.report.figures import Reading, named, rounded, shown
from abgnn.report.legend import entry
from abgnn.report.markup import Html, join, section, tag
from abgnn.report.points import AXES, best, by_method, means
from abgnn.report.records import Points, Runs

_DRAWN = 10  # methods in one figure
_TOLD = (
    "Lines: what a budget buys, mixing the operating points of a method (Eq 12). Marks: measured "
    "points, means over seeds; pale where another serves better. Logarithmic budgets."
)


def curves(runs: Runs) -> Html:
    """A pair of figures per file."""
    parts = [
        part for k, points in enumerate(runs.of(Points)) for part in _pair(f"curve{k}", points)
    ]
    if not parts:
        return Html()
    drawn = tag("div", join(parts), class_="figures")
    return section("curves", "Performance within budgets", tag("p", _TOLD), drawn)


def _pair(key: str, points: Points) -> list[Html]:
    of_method = by_method(points.rows)
    names = best({m: means(rows, "cost_usd", 1e3) for m, rows in of_method.items()}, _DRAWN)
    left = len(of_method) - len(names)
    note = f"; {left} further methods: see the tables" if left else ""
    legend = [entry(short(name, 40), Look.of(k)) for k, name in enumerate(names)]
    made = []
    for axis, what, unit, scale, _ in AXES:
        drawn = {m: means(of_method[m], axis, scale) for m in names}
        if any(len(of) for of in drawn.values()):
            caption = f"{points.path}: performance within a {what} budget{note}"
            figure = curves_figure(drawn, f"{what} in {unit}, mean per query")
            made.append(
                shown(figure, caption, points.label, f"{key}-{axis}", legend=legend, group=key,
                      read=_read(drawn, unit))
            )  # fmt: skip
    return made


def _read(series: Mapping[str, Array], unit: str) -> Reading:
    """The vertices between which a budget's performance lies on straight lines."""
    return {
        "unit": f"{unit} a question",
        "series": [[short(named(m), 40), _vertices(points)] for m, points in series.items()],
    }


def _vertices(points: Array) -> list[list[float]]:
    if not len(points):
        return []
    envelope = upper_envelope(np.concatenate([points, [(0.0, 0.0)]]))
    rising = envelope[: int(envelope[:, 1].argmax()) + 1]
    return [[rounded(x), rounded(y)] for x, y in rising.tolist() if x > 0]
