"""Budgets met in the mean: a mixture of at most three designs by a linear programme."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from abgnn.errors import ConfigError
from abgnn.planning.search import Found, Searcher

_DUAL_STEPS, _START = 8, 0.05
_WEIGHTINGS = ((1, 1), (4, 0.25), (0.25, 4), (4, 4), (0.25, 0.25), (16, 16), (0.05, 0.05))


@dataclass(frozen=True, slots=True)
class Weighted:
    """A design and the share of queries that it is drawn for."""

    share: float
    found: Found


@dataclass(frozen=True)
class Mixture:
    """Designs drawn at random per query, and what the model expects of that.

    Args:
        parts: at most three, shares sum to 1.
        cost_usd, latency_s: budgets per query; None: none.
        feasible: whether the model expects the budgets to be met; if not, the parts are the
            designs that come nearest.
    """

    parts: tuple[Weighted, ...]
    cost_usd: float | None
    latency_s: float | None
    feasible: bool

    @property
    def accuracy(self) -> float:
        return sum(p.share * p.found.forecast.accuracy for p in self.parts)

    @property
    def usd(self) -> float:
        return sum(p.share * p.found.forecast.usd for p in self.parts)

    @property
    def seconds(self) -> float:
        return sum(p.share * p.found.forecast.seconds for p in self.parts)

    @property
    def accuracy_sd(self) -> float:
        """An upper bound: as if all parts were wrong together."""
        return sum(p.share * p.found.forecast.accuracy_sd for p in self.parts)


def budgeted_mix(
    searcher: Searcher,
    cost_usd: float | None = None,
    latency_s: float | None = None,
    margin: float = 0.97,
) -> Mixture:
    """The mixture of the highest expected accuracy within `margin` of both budgets.

    Candidates come from dual steps inside the model (λ grows where a budget is exceeded) and from
    the library's best under seven weightings of the two budgets.

    Raises:
        ConfigError: a budget or the margin is not above 0.
    """
    for field, value in (("cost", cost_usd), ("latency", latency_s), ("margin", margin)):
        if value is not None and not value > 0:
            raise ConfigError(field, value, "a number above 0")
    found = _candidates(searcher, cost_usd, latency_s)
    accuracy = np.array([f.forecast.accuracy for f in found])
    rows, limits = [], []
    for budget, used in ((cost_usd, [f.forecast.usd for f in found]),
                         (latency_s, [f.forecast.seconds for f in found])):  # fmt: skip
        if budget is not None:
            rows.append(np.array(used) / budget)
            limits.append(margin)
    one = np.ones((1, len(found)))
    if not rows:
        shares = np.eye(len(found))[int(accuracy.argmax())]
        return _mixture(found, shares, cost_usd, latency_s, feasible=True)
    solved = linprog(-accuracy, np.array(rows), limits, one, [1.0], bounds=(0, 1))
    if solved.status == 0:
        return _mixture(found, solved.x, cost_usd, latency_s, feasible=True)
    worst = np.max(rows, axis=0)  # the least excess
    return _mixture(
        found, np.eye(len(found))[int(worst.argmin())], cost_usd, latency_s, feasible=False
    )


def _candidates(searcher: Searcher, cost: float | None, latency: float | None) -> list[Found]:
    scale = [0.0 if b is None else 1 / b for b in (cost, latency)]
    found: dict[object, Found] = {}

    def add(one: Found) -> Found:
        found[one.design] = one
        return one

    lambdas = [_START * s for s in scale]
    for _ in range(_DUAL_STEPS):
        one = add(searcher.best(*lambdas))
        uses = (one.forecast.usd * scale[0], one.forecast.seconds * scale[1])
        steps = [float(np.clip(np.log(max(u, 1e-9)), -1, 1)) for u in uses]
        lambdas = [value * float(np.exp(s)) for value, s in zip(lambdas, steps, strict=True)]
    for a, b in _WEIGHTINGS:
        value = (_START * a * scale[0], _START * b * scale[1])
        add(searcher.judged(max(searcher.library, key=lambda f: f.forecast.utility(*value)).design))
    for axis in ("usd", "seconds"):  # so that what can be met is met
        cheap = min(searcher.library, key=lambda f: float(getattr(f.forecast, axis)))
        add(searcher.judged(cheap.design))
    return list(found.values())


def _mixture(
    found: Sequence[Found],
    shares: np.ndarray,
    cost: float | None,
    latency: float | None,
    *,
    feasible: bool,
) -> Mixture:
    used = [i for i in np.argsort(-shares) if shares[i] > 1e-6]
    total = float(shares[used].sum())
    parts = tuple(Weighted(float(shares[i]) / total, found[i]) for i in used)
    return Mixture(parts, cost, latency, feasible)
