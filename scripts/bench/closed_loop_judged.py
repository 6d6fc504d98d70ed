"""Judging closed_loop: gains over the mixture of single LLMs at the same realised cost, with
intervals over resampled questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from closed_loop_methods import Made
from matched_cost import interval

from abgnn.data.arrays import Array, Index
from abgnn.evaluation.frontier import upper_envelope

DRAWS, INNER = 400, 4
SHARES = np.round(np.arange(0.2, 1.26, 0.05), 2)
"""Of the best single LLM's cost, at which a method's curve is read."""


@dataclass(frozen=True)
class Judged:
    """One method on R resamples of training questions.

    Args:
        tests: the questions of each, R.
        made: scores and USD `[B, q]` of each, at four inner budgets, the dearest LLM's cost, …
    """

    tests: Sequence[Index]
    made: Sequence[Made]

    def figures(self, score: Array, cost: Array, draws: int = DRAWS) -> Array:
        """Of the table as it is, then of resampled questions: gain in points at each of the first
        five budgets, `[1 + D, 5]`, and the curve less the best single LLM at `SHARES` of its cost,
        `[1 + D, 5 + S + 1]`; the last is the best point less the best single LLM."""
        rng, n = np.random.default_rng(0), len(score)
        weights = [np.ones(n)]
        weights += [np.bincount(rng.integers(0, n, n), minlength=n) * 1.0 for _ in range(draws)]
        out = np.zeros((len(weights), INNER + 2 + len(SHARES)))
        for test, (made, spent) in zip(self.tests, self.made, strict=True):
            for d, weight in enumerate(weights):
                w = weight[test] / weight[test].sum()
                out[d] += _figures(w @ score[test], w @ cost[test], made @ w, spent @ w)
        return 100 * out / len(self.tests)

    def spent(self, budgets: Sequence[Array]) -> Array:
        """Realised cost over budget, `[R, 5]`."""
        pairs = zip(self.made, budgets, strict=True)
        return np.array([(usd.mean(1) / b)[: INNER + 1] for (_, usd), b in pairs])


def _figures(score: Array, cost: Array, made: Array, spent: Array) -> Array:
    best = upper_envelope(np.stack([cost, score], 1))
    best = best[: int(best[:, 1].argmax()) + 1]
    gains = made - np.interp(spent, best[:, 0], best[:, 1])
    top = int(score.argmax())
    order = np.argsort(spent)
    curve = np.interp(SHARES * cost[top], spent[order], made[order]) - score[top]
    return np.concatenate([gains[: INNER + 1], curve, [made.max() - score[top]]])


def shown(figures: Array) -> str:
    """Of `[1 + D]`: the first, and the interval of the others."""
    low, high = interval(figures[1:])
    return f"{figures[0]:+.2f} [{low:+.1f} {high:+.1f}]"


def matched(figures: Array) -> str:
    """Share of the best single LLM's cost from which on a method is as good, `[1 + D, S]`."""

    def share(row: Array) -> float:
        level = np.flatnonzero(row >= 0)
        return float(SHARES[level[0]]) if len(level) else np.inf

    values = [share(row) for row in figures]
    low, high = interval(np.minimum(values[1:], 9.0))
    return f"{values[0]:.2f} [{low:.2f} {high:.2f}]"
