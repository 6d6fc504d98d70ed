"""The posterior predictive of a mixture over the next queries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abgnn.data.arrays import Array
from abgnn.errors import ConfigError
from abgnn.planning.budgets import Mixture
from abgnn.planning.outcome_model import OutcomeModel
from abgnn.planning.simulation import VirtualQueries

_DRAWS = 200


@dataclass(frozen=True, slots=True)
class Range:
    """A central interval and the median of a mean over queries."""

    low: float
    middle: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Prediction:
    """Of the means over the next `queries` queries: accuracy, USD, seconds."""

    queries: int
    accuracy: Range
    usd: Range
    seconds: Range

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Prediction:
        """What `to_dict` made."""
        accuracy, usd, seconds = (Range(**data[k]) for k in ("accuracy", "usd", "seconds"))
        return cls(int(data["queries"]), accuracy, usd, seconds)


def predict(
    model: OutcomeModel,
    mixture: Mixture,
    names: tuple[str, ...],
    queries: int = 100,
    seed: int = 0,
    level: float = 0.9,
) -> Prediction:
    """Simulate the next queries 200 times, each with new parameters, questions and noise.

    The intervals hold the model's uncertainty (parameters, the mix of questions) and the chance
    variation over so few queries, not errors of its assumptions.

    Args:
        model: with which the mixture was planned.
        mixture: designs and shares.
        names: of the kinds of questions, in the model's numbering.
        queries: over which the means are taken.
        seed: of the draws.
        level: of the intervals; their middle.

    Raises:
        ConfigError: queries below 1.
    """
    if queries < 1:
        raise ConfigError("queries", queries, "an integer from 1")
    size = _DRAWS * queries
    ahead = VirtualQueries(model, size, seed, draws=_DRAWS, predictive=True)
    played = [ahead.run(part.candidate.design) for part in mixture.parts]
    rng = np.random.default_rng(seed + 1)
    pick = _drawn_parts(mixture, names, ahead.group, rng)

    def means(values: list[Array]) -> Range:
        by_query = np.choose(pick, values)
        by_draw = by_query.reshape(-1, _DRAWS).mean(0)
        low, middle, high = np.quantile(by_draw, (0.5 - level / 2, 0.5, 0.5 + level / 2))
        return Range(float(low), float(middle), float(high))

    right = [(rng.random(size) < p.right).astype(float) for p in played]
    usd, seconds = [p.usd for p in played], [p.seconds for p in played]
    return Prediction(queries, means(right), means(usd), means(seconds))


def _drawn_parts(
    mixture: Mixture, names: tuple[str, ...], group: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Which part answers each query: of those for its kind, by their shares."""
    pick = np.zeros(len(group), dtype=np.int64)
    for g, name in enumerate(names):
        mine = [i for i, part in enumerate(mixture.parts) if part.group in ("", name)]
        share = np.array([mixture.parts[i].share for i in mine])
        rows = np.flatnonzero(group == g)
        pick[rows] = rng.choice(mine, len(rows), p=share / share.sum())
    return pick
