"""Prices at which closed loops keep budgets, and what they will come to over the next questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from abgnn.data.arrays import Array, Index
from abgnn.planning.budgets import Budget
from abgnn.planning.closed_loop.closed_loop import ClosedLoop
from abgnn.planning.closed_loop.expected import Expected
from abgnn.planning.closed_loop.problem import LoopProblem
from abgnn.planning.closed_loop.replay import Replayable, Replayed, prices_of_budgets
from abgnn.planning.predictive import Prediction, Range
from abgnn.planning.price_grid import price_grid

AIM = 0.97
_DRAWS, _LEVEL, _STRICT_QUERIES, _STRICT_STEPS = 400, 0.9, 100, 8
_RAISE, _RAISES = 1.04, 60
_TINY, _SAME = 1e-300, 1e-9


def foresee_loop(loop: ClosedLoop, budget: Budget) -> tuple[ClosedLoop, bool]:
    """The loop at the prices of budgets, and whether a replay keeps them.

    With `strict` the aim is lowered until the means over the next 100 questions keep the budgets
    with 95 % probability.
    """
    aim, replay = aim_of(budget), _Remembered(loop.replay)
    made = _at(loop, budget, aim, replay)
    for _ in range(_STRICT_STEPS if budget.strict and budget.margin is None else 0):
        ahead = predict_loop(made, _STRICT_QUERIES)
        over = max(_over(budget, ahead.usd.high, ahead.seconds.high))
        if over <= 1:
            break
        aim /= over
        made = _at(loop, budget, aim, replay)
    run = replay(made.lambda_tok, made.lambda_lat)
    return made, max(_over(budget, float(run.usd.mean()), float(run.seconds.mean()))) <= 1


def aim_of(budget: Budget) -> float:
    """Share of the budgets that a replay is to spend."""
    return AIM if budget.margin is None else budget.margin


def prices_within(replay: Replayable, budget: Budget, aim: float) -> tuple[float, float]:
    """λ_tok and λ_lat at which a replay keeps budgets.

    Where both are stated, those that were found in turns, or any of `price_grid` that keep both and
    are replayed as better: so a point of the frontier is bought by the budgets named with it.
    """
    usd = np.inf if budget.cost_usd is None else budget.cost_usd
    tok, lat = prices_of_budgets(replay, usd, budget.latency_s, aim)
    found = _raised(replay, budget, tok, lat, aim) if lat > 0 else (tok, lat)
    if budget.cost_usd is None or budget.latency_s is None or not tok + lat > 0:
        return found
    return _best(replay, budget, aim, found)


def _best(
    replay: Replayable, budget: Budget, aim: float, found: tuple[float, float]
) -> tuple[float, float]:
    """The prices of highest replayed accuracy; of equal ones those found, then the cheapest."""
    free = replay(0.0, 0.0)
    grid = price_grid(float(free.usd.mean()), float(free.seconds.mean()))
    made = {prices: _means(replay(*prices)) for prices in (found, *grid)}

    def keeps(prices: tuple[float, float]) -> bool:
        return prices == found or max(_over(budget, *made[prices][1:])) <= aim

    def worth(prices: tuple[float, float]) -> tuple[float, bool, float]:
        right, usd, _ = made[prices]
        return right, prices == found, -usd

    return max(filter(keeps, made), key=worth)


def _means(run: Replayed) -> tuple[float, float, float]:
    """Accuracy, USD, seconds."""
    return float(run.right.mean()), float(run.usd.mean()), float(run.seconds.mean())


@dataclass(frozen=True)
class _Remembered:
    """A replay that is not run twice at the same prices."""

    replay: Replayable
    known: dict[tuple[float, float], Replayed] = field(default_factory=dict)

    @property
    def problems(self) -> Sequence[LoopProblem]:
        return self.replay.problems

    def __call__(self, lambda_tok: float, lambda_lat: float = 0.0) -> Replayed:
        prices = lambda_tok, lambda_lat
        if prices not in self.known:
            self.known[prices] = self.replay(*prices)
        return self.known[prices]


def _at(loop: ClosedLoop, budget: Budget, aim: float, replay: Replayable) -> ClosedLoop:
    tok, lat = prices_within(replay, budget, aim)
    return replace(loop, lambda_tok=tok, lambda_lat=lat)


def _raised(
    replay: Replayable, budget: Budget, tok: float, lat: float, aim: float
) -> tuple[float, float]:
    """Prices at which both budgets are used to `aim` at most, or, where raising leads to none, to
    the full: each was found with the other as it was before, and a fast LLM that is dearer, or a
    cheap one that is slower, may take one of them beyond."""
    kept: tuple[float, float] | None = None
    for _ in range(_RAISES):
        run = replay(tok, lat)
        cost, wait = _over(budget, float(run.usd.mean()), float(run.seconds.mean()))
        if max(cost, wait) <= aim:
            return tok, lat
        if max(cost, wait) <= 1 and kept is None:
            kept = tok, lat
        tok, lat = (_RAISE * x if over > aim else x for x, over in ((tok, cost), (lat, wait)))
    return kept or (tok, lat)


def _over(budget: Budget, usd: float, seconds: float) -> list[float]:
    """Shares of the budgets; 0 where none is stated."""
    pairs = ((usd, budget.cost_usd), (seconds, budget.latency_s))
    return [0.0 if limit is None else used / limit for used, limit in pairs]


def predict_loop(loop: ClosedLoop, queries: int = 100, seed: int = 0) -> Prediction:
    """Middle 90 % of the means over the next `queries` questions: drawn from the replayed
    calibration, which is itself one draw (a bootstrap of both). Where a calibration has gaps, what
    its questions would have come to is drawn first."""
    run = loop.replay(loop.lambda_tok, loop.lambda_lat)
    rng, n = np.random.default_rng(seed), len(run.right)
    seen = rng.integers(n, size=(_DRAWS, n))
    of = rng.integers(n, size=(_DRAWS, queries))
    if isinstance(loop.replay, Expected):
        drawn = _drawn(loop, loop.replay, run, seen, rng)
        return Prediction(queries, *(_range(np.take_along_axis(x, of, 1)) for x in drawn))
    ahead = np.take_along_axis(seen, of, 1)
    right = rng.random(ahead.shape) < run.right[ahead]  # scores of a replay are mostly 0 or 1
    bills = (_range(values[ahead]) for values in (run.usd, run.seconds))
    return Prediction(queries, _range(right.astype(float)), *bills)


def _drawn(
    loop: ClosedLoop, replay: Expected, run: Replayed, seen: Index, rng: np.random.Generator
) -> list[Array]:
    """Scores, USD and seconds of drawn questions, `[D, n]` each: which answers come, and how long
    they are, is chance."""
    out = [(rng.random(seen.shape) < run.right[seen]).astype(float)]
    deviations = replay.deviations(loop.lambda_tok, loop.lambda_lat)
    for mean, sd, luck in zip((run.usd, run.seconds), deviations, loop.luck, strict=True):
        relative = np.exp(luck) * (1 + (sd / np.maximum(mean, _TINY)) ** 2) - 1  # variance
        spread = np.maximum(relative, _SAME)[seen]
        out.append(rng.standard_gamma(1 / spread) * spread * mean[seen])
    return out


def _range(values: Array) -> Range:
    """Of the means of each draw's questions, `[D, N]`."""
    levels = (0.5 - _LEVEL / 2, 0.5, 0.5 + _LEVEL / 2)
    low, middle, high = np.quantile(values.mean(1), levels)
    return Range(float(low), float(middle), float(high))
