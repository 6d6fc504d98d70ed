"""One-sided bounds of shares, scores and skewed means, and of means over parts of known shares.

Each function returns a lower and an upper bound; each of the two holds at the stated confidence.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, ndtri  # scipy.stats takes half a second to import

_DRAWS, _BEYOND, _MOST = 2000, 20, 20_000_000  # at least; beyond the quantile; numbers at once
_STEPS = 40  # bisection


@dataclass(frozen=True, slots=True)
class Part:
    """What is known of one part of a mixture.

    Args:
        share: of the mixture's queries, which is known.
        mean: observed.
        low, high: its own bounds.
    """

    share: float
    mean: float
    low: float
    high: float


def clopper_pearson(successes: int, n: int, confidence: float) -> tuple[float, float]:
    """Exact bounds of a share."""
    low = float(betaincinv(successes, n - successes + 1, 1 - confidence)) if successes else 0.0
    high = float(betaincinv(successes + 1, n - successes, confidence)) if successes < n else 1.0
    return low, high


def score_bounds(values: ArrayLike, confidence: float) -> tuple[float, float]:
    """Bounds of a mean of scores in [0, 1].

    Clopper-Pearson where every score is 0 or 1. Else by betting (Waudby-Smith and Ramdas, 2024),
    which assumes nothing but the range: a mean is refused if a gambler who may bet against it
    would have multiplied the stake by 1 / (1 − confidence).
    """
    x = np.asarray(values, dtype=float)
    if np.isin(x, (0.0, 1.0)).all():
        return clopper_pearson(int(x.sum()), len(x), confidence)
    return _betting_low(x, confidence), 1 - _betting_low(1 - x, confidence)


def _betting_low(x: NDArray[np.float64], confidence: float) -> float:
    """The least mean that is not refused."""
    n, goal = len(x), -math.log(1 - confidence)
    seen = np.arange(1, n + 1)
    means = (0.5 + np.cumsum(x)) / (seen + 1)
    spread = (0.25 + np.cumsum((x - means) ** 2)) / (seen + 1)
    before = np.concatenate([[0.25], spread[:-1]])  # a bet knows what came earlier only
    stake = np.sqrt(2 * goal / (n * before))
    low, high = 0.0, float(x.mean())
    for _ in range(_STEPS):
        mean = (low + high) / 2
        if np.log1p(np.minimum(stake, 0.9 / max(mean, 1e-12)) * (x - mean)).sum() >= goal:
            low = mean
        else:
            high = mean
    return low


def mean_bounds(values: ArrayLike, confidence: float, seed: int = 0) -> tuple[float, float]:
    """Bounds of a mean of skewed figures: USD, seconds.

    The bootstrap of the studentised mean; of positive values the wider of it and of the bound for
    log-normal ones (generalised pivots of Krishnamoorthy and Mathew, 2003), for the bootstrap is
    short where few values are very skewed. What the sample does not show, such as a rare and dear
    kind of query, is not covered: see `combined`. A constant sample is its own bound: nothing says
    how far others may be.
    """
    x = np.asarray(values, dtype=float)
    n, mean, spread = len(x), float(x.mean()), float(x.std(ddof=1))
    if spread <= 1e-12 * abs(mean):
        return mean, mean
    rng = np.random.default_rng(seed)
    draws = max(_DRAWS, math.ceil(_BEYOND / (1 - confidence)))
    drawn = x[rng.integers(n, size=(min(draws, max(_DRAWS, _MOST // n)), n))]
    sd = drawn.std(1, ddof=1)
    t = (drawn.mean(1) - mean)[sd > 0] / (sd[sd > 0] / n**0.5)
    low_t, high_t = np.quantile(t, (1 - confidence, confidence))
    low, high = mean - float(high_t) * spread / n**0.5, mean - float(low_t) * spread / n**0.5
    if (x > 0).all():
        log_low, log_high = _log_normal_bounds(np.log(x), confidence, rng, draws)
        low, high = min(low, log_low), max(high, log_high)
    return low, high


def _log_normal_bounds(
    logs: NDArray[np.float64], confidence: float, rng: np.random.Generator, draws: int
) -> tuple[float, float]:
    n, variance = len(logs), float(logs.var(ddof=1))
    variances = variance * (n - 1) / rng.chisquare(n - 1, draws)
    centres = logs.mean() + rng.standard_normal(draws) * np.sqrt(variances / n)
    low, high = np.quantile(centres + variances / 2, (1 - confidence, confidence))
    return float(np.exp(low)), float(np.exp(min(high, 700.0)))


def combined(
    cells: Sequence[tuple[float, Sequence[Part]]], n: int, confidence: float
) -> tuple[float, float, float]:
    """Mean, lower and upper bound over cells of queries, in each of which parts are drawn.

    The distances from the parts' means to their bounds add up like standard errors (Zou and
    Donner's "variance estimates recovery"). The shares of cells are those observed among the `n`
    queries, so how far cells differ adds what a normal mean would.

    Args:
        cells: share of the queries, and the parts, whose shares sum to 1.
        n: queries in all.
        confidence: that the parts' bounds were made at.
    """
    means = [sum(p.share * p.mean for p in parts) for _, parts in cells]
    mean = sum(w * m for (w, _), m in zip(cells, means, strict=True))
    apart = sum(w * (m - mean) ** 2 for (w, _), m in zip(cells, means, strict=True))
    apart *= float(ndtri(confidence)) ** 2 / n
    below = sum((w * p.share * (p.mean - p.low)) ** 2 for w, parts in cells for p in parts)
    above = sum((w * p.share * (p.high - p.mean)) ** 2 for w, parts in cells for p in parts)
    return mean, mean - math.sqrt(below + apart), mean + math.sqrt(above + apart)
