"""What else can be had for the same money: curves of score over realised cost. Numpy only."""

from __future__ import annotations

import numpy as np
from matched_cost import mixture_score

from abgnn.data.arrays import Array
from abgnn.planning.closed_loop.answer_table import AnswerTable
from abgnn.planning.question_plan import QuestionPlan
from abgnn.planning.questions import Questions

STEPS = 120


class Curve:
    """Score over realised cost, between neighbouring prices mixed.

    Args:
        points: (cost, score) by price, `[P, 2]`.
    """

    def __init__(self, points: Array) -> None:
        order = np.lexsort((points[:, 1], points[:, 0]))
        self.cost, self.score = points[order].T

    def __call__(self, cost: float) -> float:
        return float(np.interp(cost, self.cost, self.score))


class Rivals:
    """Mixture and best of the single LLMs, and choices of one LLM by question.

    Args:
        table: all answers to the test questions; mixtures and single LLMs are picked on it.
        accuracy, usd: what the planner believes of the same questions, `[Q, M]`.
    """

    def __init__(self, table: AnswerTable, accuracy: Array, usd: Array) -> None:
        self.right, self.usd = table.right, table.usd
        self.router = Curve(_routed(accuracy, usd, self.right, self.usd))

    @property
    def best_single(self) -> tuple[float, float]:
        """Its cost and score."""
        best = int(self.right.mean(0).argmax())
        return float(self.usd[:, best].mean()), float(self.right[:, best].mean())

    def mixture(self, cost: float) -> float:
        return mixture_score(self.right, self.usd, cost)

    def single(self, cost: float) -> float:
        """Of the best LLM of at most that cost."""
        means, scores = self.usd.mean(0), self.right.mean(0)
        within = means <= max(cost, float(means.min())) * (1 + 1e-9)
        return float(scores[within].max())


def prices(usd: Array) -> Array:
    """λ from none to where only money counts, `[P]`."""
    means = usd.mean(0)
    return np.append(0.0, np.geomspace(1e-3 / means.max(), 3 / means.min(), STEPS))


def _routed(accuracy: Array, usd: Array, right: Array, paid: Array) -> Array:
    rows = np.arange(len(right))
    chosen = [(accuracy - price * usd).argmax(1) for price in prices(usd)]
    return np.array([(paid[rows, m].mean(), right[rows, m].mean()) for m in chosen])


def planned(plan: QuestionPlan, questions: Questions, table: AnswerTable) -> Curve:
    """A plan by question of lone agents."""
    forecasts, rows = plan.planner.forecasts(questions), np.arange(len(table))
    who = np.array([design.agents[0][1] for design in plan.planner.designs])
    chosen = [who[forecasts.best(price, 0.0)] for price in prices(table.usd)]
    return Curve(
        np.array([(table.usd[rows, m].mean(), table.right[rows, m].mean()) for m in chosen])
    )
