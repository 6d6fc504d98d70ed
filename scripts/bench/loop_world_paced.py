"""A loop's spending question by question, paced, also where calls become dearer half-way."""

from __future__ import annotations

from collections.abc import Callable
from time import process_time

import numpy as np

from abgnn.data.arrays import Array
from abgnn.planning.closed_loop.lookahead import Asked, decide
from abgnn.planning.closed_loop.pacing import PacedPrices
from abgnn.planning.closed_loop.problem import LoopProblem
from abgnn.planning.closed_loop.replay import Replay, priced
from abgnn.planning.closed_loop.walks import Answers

DEARER = 1.25


class Spending:
    """CPU seconds of decisions are counted on the way.

    Args:
        replay: of the test questions.
        questions: how many of them are asked.
    """

    def __init__(self, replay: Replay, questions: int) -> None:
        self.replay = replay
        n = len(replay.problems)
        self.order = np.random.default_rng(0).permutation(n)[:questions]
        self.decisions, self.cpu = 0, 0.0

    def paced(
        self, prices: PacedPrices, budgets: tuple[float, float], dearer: bool = False
    ) -> tuple[float, float]:
        """Realised USD and seconds over their budgets."""
        spent: list[tuple[float, float]] = []
        for i, q in enumerate(self.order):
            factor = DEARER if dearer and 2 * i >= len(self.order) else 1.0
            problem = priced(self.replay.problems[q], *prices.next)
            usd, seconds = self._bill(problem, self.replay.answers[q])
            spent.append((factor * usd, seconds))
            prices.add(*spent[-1])
        usd, seconds = np.mean(spent, 0) / budgets
        return float(usd), float(seconds)

    def _bill(self, problem: LoopProblem, known: Answers) -> tuple[float, float]:
        """USD and seconds of a question; those that are asked at once take the longest's."""
        asked: list[Asked] = []
        seconds, start = 0.0, process_time()
        while step := decide(problem, asked).ask:
            self.decisions += 1
            asked += [known(m) for m in step]
            seconds += float(known.seconds[list(step)].max())
        self.decisions += 1
        self.cpu += process_time() - start
        return float(known.usd[[a.llm for a in asked]].sum()), seconds


def price_curve(
    replay: Callable[[float], Array], least: float, most: float
) -> Callable[[float], float]:
    """λ of a budget, between replays at 40 prices."""
    grid = np.geomspace(least, most, 40)
    spent = np.array([float(replay(price).mean()) for price in grid])
    spent = np.minimum.accumulate(spent)

    def price(budget: float) -> float:
        return float(np.exp(np.interp(-budget, -spent, np.log(grid))))

    return price
