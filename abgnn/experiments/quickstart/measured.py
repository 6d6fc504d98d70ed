"""What a world of the main job has measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from abgnn.data.arrays import Array
from abgnn.data.outcome import Outcome
from abgnn.experiments.cases import Case

OURS = "ours: PlanNet"
PLANNER, BLIND = "planner by question", "planner, blind"
SINGLE, MIXTURE = "best single LLM*", "mixture of two LLMs*"
PAPER, TEAMS = "AgentBalance, paper*", "best fixed team*"
CHOSEN = (SINGLE, PAPER, TEAMS)  # in hindsight: those with a star
Team = tuple[tuple[tuple[str, str], ...], frozenset[tuple[int, int]]]  # (role, LLM) …, edges


@dataclass(frozen=True)
class Measured:
    """An operating point of a method on the test questions of a world.

    Args:
        method: one of the names above.
        name: of the operating point: a budget, an LLM.
        by_question: score, USD and seconds of each question, means over its rollouts `[Q, 3]`.
        plans: the different plans that the questions got.
        trial: mean score by which it is chosen in hindsight: of further rollouts of the same
            questions, so that luck does not count.
    """

    method: str
    name: str
    by_question: Array
    plans: frozenset[Team]
    trial: float

    @classmethod
    def of(
        cls, method: str, name: str, outcomes: Sequence[Outcome], samples: int, trials: int
    ) -> Measured:
        """From outcomes: of each question `samples` rollouts, then `trials` more."""
        triples = np.array([(o.score, o.cost, o.latency) for o in outcomes])
        triples = triples.reshape(-1, samples + trials, 3)  # [Q, K, 3]
        last = triples[:, samples:] if trials else triples
        made = frozenset(
            (tuple((a.role.name, a.backbone) for a in o.plan.agents), frozenset(o.plan.edges))
            for o in outcomes
        )
        seen = triples[:, :samples].mean(1)
        return cls(method, name, seen, made, float(last[..., 0].mean()))

    @property
    def usd(self) -> float:
        """Mean USD per question."""
        return float(self.by_question[:, 1].mean())

    @property
    def accuracy_se(self) -> float | None:
        """Standard error of the mean score over questions; None of one question."""
        score = self.by_question[:, 0]
        return float(score.std(ddof=1) / np.sqrt(len(score))) if len(score) > 1 else None


@dataclass(frozen=True)
class World:
    """All operating points in a world.

    Args:
        seed: of the world.
        label: `simulated`, or whatever the client is.
        points: of every method; ours and the planners have one for each budget, in their order.
        shown: our plans for a few questions.
    """

    seed: int
    label: str
    points: tuple[Measured, ...]
    shown: tuple[Case, ...] = ()

    def of(self, method: str) -> list[Measured]:
        """The points of a method."""
        return [point for point in self.points if point.method == method]


def best_within(points: Sequence[Measured], most: float) -> Measured | None:
    """The point with the best trial among those of at most this mean cost."""
    able = [point for point in points if point.usd <= most]
    return max(able, key=lambda point: point.trial) if able else None
