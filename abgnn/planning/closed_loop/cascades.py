"""Fixed cascades: one order of LLMs for all questions, thresholds, and their search by replay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np

from abgnn.data.arrays import Array
from abgnn.errors import ConfigError
from abgnn.planning.best_within import best_within
from abgnn.planning.budgets import Budget
from abgnn.planning.closed_loop.closed_loop import ClosedLoop
from abgnn.planning.closed_loop.lookahead import Asked, posterior_of
from abgnn.planning.closed_loop.problem import LoopProblem
from abgnn.planning.closed_loop.replay import Replay

LONGEST = 3
_SHARES = np.linspace(0.1, 0.9, 9)  # of the questions that a threshold lets go on


def last_is_right(problem: LoopProblem, asked: Sequence[Asked]) -> float:
    """P(the last answer is right), given all answers so far; 0 where it has no key."""
    key = asked[-1].key
    if key is None:
        return 0.0
    posterior = posterior_of(problem, asked)
    return float(posterior.probabilities[1 + posterior.keys.index(key)])


@dataclass(frozen=True)
class Cascade:
    """
    Args:
        llms: indices of LLMs, in the order in which they are asked.
        thresholds: at which the answer of each but the last stands.
    """

    llms: tuple[int, ...]
    thresholds: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Cascades:
    """Cascades of up to three LLMs, and what a replayed calibration makes of each.

    Args:
        cascades: C of them.
        right, usd, seconds: means over the calibration's questions, `[C]`.
    """

    cascades: tuple[Cascade, ...]
    right: Array
    usd: Array
    seconds: Array

    @classmethod
    def of(cls, loop: ClosedLoop) -> Cascades:
        """Every order of the loop's candidates for all questions, at nine thresholds each.

        Raises:
            ConfigError: a calibration with gaps: nothing can be replayed.
        """
        at = loop.chosen[""]
        replay = replace(loop, chosen={"": at}, reading=None).replay
        if not isinstance(replay, Replay):
            allowed = "answers of every LLM to every question: `--design complete`"
            raise ConfigError("calibration", "calls that are missing", allowed)
        search = _Search(replay, range(len(at)))
        made, means = zip(
            *(pair for order in search.orders() for pair in search(order)), strict=True
        )
        cascades = tuple(Cascade(tuple(at[i] for i in c.llms), c.thresholds) for c in made)
        return cls(cascades, *np.array(means).T)

    def best(self, budget: Budget) -> Cascade:
        """Within budgets."""
        return self.cascades[best_within(self.right, self.usd, self.seconds, budget)]


class _Search:
    """Replay of cascades of the same few LLMs.

    Args:
        replay: problems whose candidates they are.
        llms: indices of candidates.
    """

    def __init__(self, replay: Replay, llms: range) -> None:
        self.llms = llms
        known = replay.answers
        self.right, self.usd, self.seconds = (
            np.stack([getattr(answers, of) for answers in known])  # [n, M]
            for of in ("right", "usd", "seconds")
        )
        pairs = list(zip(replay.problems, known, strict=True))
        self.one = np.array([[last_is_right(p, [a(i)]) for i in llms] for p, a in pairs])
        self.two = np.array([
            [[last_is_right(p, [a(i), a(j)]) if i != j else 0.0 for j in llms] for i in llms]
            for p, a in pairs
        ])  # fmt: skip

    def orders(self) -> list[tuple[int, ...]]:
        return [o for n in range(1, LONGEST + 1) for o in permutations(self.llms, n)]

    def __call__(self, order: tuple[int, ...]) -> list[tuple[Cascade, tuple[float, float, float]]]:
        """Cascades of one order at all thresholds, with mean score, USD and seconds."""
        if len(order) == 1:
            (i,) = order
            return [(Cascade(order, ()), self._means(self._bills(i)))]
        first = np.quantile(self.one[:, order[0]], _SHARES)
        if len(order) == 2:
            return [
                (Cascade(order, (float(t),)), self._means(self._two(order, float(t))))
                for t in first
            ]
        second = np.quantile(self.two[:, order[0], order[1]], _SHARES)
        return [
            (
                Cascade(order, (float(t), float(u))),
                self._means(self._three(order, float(t), float(u))),
            )
            for t in first
            for u in second
        ]

    def _bills(self, llm: int) -> Array:
        """Score, USD and seconds of one LLM, `[3, n]`."""
        return np.stack([self.right[:, llm], self.usd[:, llm], self.seconds[:, llm]])

    def _then(self, before: Array, stops: Array, after: Array) -> Array:
        """What it comes to where some questions go on: the later answer, both bills."""
        both = np.concatenate([after[:1], before[1:] + after[1:]])
        out: Array = np.where(stops, before, both)
        return out

    def _two(self, order: tuple[int, ...], t: float) -> Array:
        i, j = order
        return self._then(self._bills(i), self.one[:, i] >= t, self._bills(j))

    def _three(self, order: tuple[int, ...], t: float, u: float) -> Array:
        i, j, k = order
        later = self._then(self._bills(j), self.two[:, i, j] >= u, self._bills(k))
        return self._then(self._bills(i), self.one[:, i] >= t, later)

    def _means(self, bills: Array) -> tuple[float, float, float]:
        right, usd, seconds = bills.mean(1).tolist()
        return right, usd, seconds
