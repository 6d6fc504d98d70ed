"""A loop's spending question by question, paced, also where calls become dearer half-way."""

from __future__ import annotations

from collections.abc import Callable
from time import process_time

import numpy as np

from abgnn.data.arrays import Array
from abgnn.planning.closed_loop.lookahead import Asked, decide
from abgnn.planning.closed_loop.pacing import Pacer
from abgnn.planning.closed_loop.problem import LoopProblem
from abgnn.planning.closed_loop.replay import Answers, Replay, priced

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

    def paced(self, pacer: Pacer, dearer: bool) -> float:
        """Realised cost over budget."""
        spent: list[float] = []
        for i, q in enumerate(self.order):
            factor = DEARER if dearer and 2 * i >= len(self.order) else 1.0
            problem = priced(self.replay.problems[q], pacer.lambda_tok)
            usd = factor * self._usd(problem, self.replay.answers[q])
            pacer.add(usd)
            spent.append(usd)
        return float(np.mean(spent)) / pacer.budget

    def _usd(self, problem: LoopProblem, known: Answers) -> float:
        asked: list[Asked] = []
        start = process_time()
        while step := decide(problem, asked).ask:
            self.decisions += 1
            asked += [known(m) for m in step]
        self.decisions += 1
        self.cpu += process_time() - start
        return float(known.usd[[a.llm for a in asked]].sum())


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
