"""A planner by question for tests: beliefs linear in a question's features, teams by a formula."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from abgnn.data.arrays import Array
from abgnn.data.query import Query
from abgnn.data.template import Template
from abgnn.planning.beliefs import Belief, Forecasts
from abgnn.planning.design import Design, PlanSpace
from abgnn.planning.prior import Prior
from abgnn.planning.question_features import QuestionFeatures
from abgnn.planning.questions import Questions
from tests import tiny


@dataclass(frozen=True)
class LinearBeliefs:
    """logit = level + weight · φ, dollars and seconds the same for all questions."""

    roles: tuple[str, ...]
    backbones: tuple[str, ...]
    features: QuestionFeatures
    level: Array  # [S, M]
    weight: Array  # [F, S, M]
    usd: Array  # [S, M]
    seconds: Array

    def __call__(self, questions: Questions) -> Belief:
        phi = self.features.phi(questions)
        mean = self.level + np.tensordot(phi, self.weight, 1)
        whole = np.ones((len(questions), 1, 1))
        return Belief(mean, 0 * mean + 0.3, expit(mean), self.usd * whole, self.seconds * whole)


@dataclass(frozen=True)
class StandInPlanner:
    """Every lone agent and some teams; a reader gains by what its senders know better."""

    template: Template
    beliefs: LinearBeliefs
    designs: tuple[Design, ...]

    @property
    def roles(self) -> tuple[str, ...]:
        return self.beliefs.roles

    @property
    def backbones(self) -> tuple[str, ...]:
        return self.beliefs.backbones

    def forecasts(self, questions: Questions, designs: Sequence[Design] | None = None) -> Forecasts:
        belief = self.beliefs(questions)
        columns = [self._forecast(belief, d) for d in (designs or self.designs)]
        accuracy, usd, seconds = (np.stack(c, 1) for c in zip(*columns, strict=True))
        return Forecasts(accuracy, usd, seconds)

    def _forecast(self, belief: Belief, design: Design) -> tuple[Array, Array, Array]:
        right: dict[int, Array] = {}
        done: dict[int, Array] = {}
        cast = [(s, m, [u for u, v in design.edges if v == s]) for s, m in design.agents]
        if design.decision is not None:
            cast.append((len(self.roles) - 1, design.decision, [s for s, _ in design.agents]))
        usd = np.zeros(len(belief.logit))
        for slot, m, read in cast:
            level = belief.logit[:, slot, m]
            if read:
                share = np.mean([right[u] for u in read], axis=0)
                level = level + np.log2(1 + len(read)) * (share * 1.2 - (1 - share) * 0.8)
            right[slot] = expit(level)
            usd = usd + belief.usd[:, slot, m] * (1 + 0.2 * len(read))
            begin = np.max([done[u] for u in read], axis=0) if read else 0.0
            done[slot] = begin + belief.seconds[:, slot, m]
        return right[cast[-1][0]], usd, done[cast[-1][0]]


def stand_in(
    n_roles: int = 3,
    n_backbones: int = 4,
    teams: int = 24,
    seed: int = 0,
    questions: Questions | None = None,
) -> StandInPlanner:
    """A planner of `tiny`'s template and LLMs."""
    rng = np.random.default_rng(seed)
    template = tiny.template(n_roles)
    some = questions or questions_of(tiny.queries(40))
    roles = rng.standard_normal((n_roles + 1, some.embedding.shape[1]))
    features = QuestionFeatures.fit(some, roles / np.linalg.norm(roles, axis=1, keepdims=True), 8)
    shape = (n_roles + 1, n_backbones)
    grow = np.linspace(0, 1, n_backbones)
    beliefs = LinearBeliefs(
        tuple(r.name for r in template.roles),
        tuple(f"b{i}" for i in range(n_backbones)),
        features,
        0.5 * grow + 0.2 * rng.standard_normal(shape),
        0.8 * rng.standard_normal((features.size, *shape)),
        1e-4 * 10**grow * np.ones(shape),
        (1 + 9 * grow) * np.ones(shape),
    )
    space = PlanSpace(template, (tuple(range(n_backbones)),))
    lone = [Design(((s, m),), (), None) for s in space.slots for m in range(n_backbones)]
    made = [d for start in lone for d in space.neighbours(start) if d.decision is not None]
    more = [d for start in made[::7] for d in space.neighbours(start) if d.decision is not None]
    picked = rng.permutation(len(made + more))[:teams]
    designs = tuple(dict.fromkeys([*lone, *((made + more)[i] for i in picked)]))
    return StandInPlanner(template, beliefs, designs)


def questions_of(queries: Sequence[Query], width: int = tiny.H, seed: int = 3) -> Questions:
    """Questions with random unit embeddings that depend on their ids."""
    rows = [np.random.default_rng([seed, *q.id.encode()]).standard_normal(width) for q in queries]
    embedding = np.array(rows)
    return Questions.of(queries, embedding / np.linalg.norm(embedding, axis=1, keepdims=True))


def prior(n_backbones: int = 4) -> Prior:
    """Published figures of `stand_in`'s LLMs."""
    grow = np.linspace(0, 1, n_backbones)
    names = tuple(f"b{i}" for i in range(n_backbones))
    accuracy = expit(logit(0.5) + grow)
    return Prior(names, accuracy, 1e-4 * 10**grow, 1 + 9 * grow, grow > 0.5, 1e-7 + 0 * grow, 300.0)
