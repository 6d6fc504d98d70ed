"""`Expected`: what a plan is expected to come to per question; many of them as a frontier."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from abgnn.planning.predictive import Prediction, Range
from abgnn.planning.price_grid import price_grid
from abgnn.planning.reading_plan import BothPlans, ReadingPlan

_GAIN, _FASTER = 0.005, 1.05  # what tells one operating point from another


@dataclass(frozen=True, slots=True)
class Expected:
    """Means per question.

    Args:
        accuracy: share of right answers.
        usd, seconds: means.
        interval: the middle 90 % of the accuracy over the next `queries` questions; None: unknown.
        queries: that the interval is for.
        label: the calls that it was learned from: `simulated`, `recorded`, `live`, `profiles
            only`; empty: unknown.
    """

    accuracy: float
    usd: float
    seconds: float
    interval: Range | None = None
    queries: int = 0
    label: str = ""

    @classmethod
    def of(
        cls, expected: Mapping[str, float | None], predicted: Prediction | None, label: str
    ) -> Expected | None:
        """From what a plan states; None: it does not state all three means."""
        means = [expected.get(name) for name in ("accuracy", "cost_usd", "latency_s")]
        accuracy, usd, seconds = means
        if accuracy is None or usd is None or seconds is None:
            return None
        if predicted is None or not predicted.queries:
            return cls(accuracy, usd, seconds, label=label)
        return cls(accuracy, usd, seconds, predicted.accuracy, predicted.queries, label)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        interval = self.interval
        return {
            "accuracy": self.accuracy,
            "cost_usd": self.usd,
            "latency_s": self.seconds,
            "accuracy_interval": None if interval is None else [interval.low, interval.high],
            "interval_questions": self.queries,
            "learned_from": self.label,
        }


def undominated(points: Iterable[Expected]) -> tuple[Expected, ...]:
    """Those that no other one equals or beats in accuracy, USD and seconds; cheapest first."""
    kept: list[Expected] = []
    for point in sorted(points, key=lambda p: (p.usd, p.seconds, -p.accuracy)):
        if not any(k.accuracy >= point.accuracy and k.seconds <= point.seconds for k in kept):
            kept.append(point)
    return tuple(kept)


def distinct(points: Sequence[Expected]) -> tuple[Expected, ...]:
    """Those that are clearly better than every cheaper one, or faster, and the best of all."""
    kept: list[Expected] = []
    best = max(points, key=lambda p: p.accuracy, default=None)
    for point in points:
        near = (k for k in kept if k.accuracy > point.accuracy - _GAIN)
        if point is best or not any(k.seconds < _FASTER * point.seconds for k in near):
            kept.append(point)
    return tuple(kept)


def frontier_of(plan: ReadingPlan | BothPlans) -> tuple[Expected, ...]:
    """A plan's operating points at prices from free to dear, cheapest first."""
    free = plan.priced(0.0, 0.0).expected
    grid = price_grid(free["cost_usd"], free["latency_s"])
    made = (plan.priced(*prices) for prices in grid)
    points = (Expected.of(p.expected, p.predicted, p.label) for p in made)
    return distinct(undominated(point for point in points if point is not None))
