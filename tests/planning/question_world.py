"""A small planted world for tests of what reads questions: S roles, M LLMs, known logits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from abgnn.data.template import Role, Template
from abgnn.planning import Observations, Prior, Questions
from abgnn.planning.by_question import QuestionPlanner, question_planner
from abgnn.planning.outcome_model import OutcomeModel

M, S, H = 3, 3, 12
ROLES = ("Expert", "Critic", "Decision Maker")


def template() -> Template:
    roles = tuple(Role(name, f"You are {name}.", lead=name == "Expert") for name in ROLES)
    return Template("two", roles, ((0, 1),), decision=2)


def profile() -> Prior:
    return Prior(
        ("small", "middle", "large"),
        np.array([0.6, 0.62, 0.75]),
        np.array([1e-4, 3e-4, 2e-3]),
        np.array([2.0, 4.0, 9.0]),
        np.zeros(M, dtype=bool),
        np.full(M, 1e-7),
        100.0,
    )


@dataclass(frozen=True)
class Planted:
    """Questions of two kinds, on one of which the small LLM is as good as the large one."""

    questions: Questions
    logits: np.ndarray  # [Q, M]
    observed: Observations
    role_embedding: np.ndarray

    def planner(self) -> QuestionPlanner:
        blind = OutcomeModel.fit(self.observed, profile(), template())
        return question_planner(
            self.observed, self.questions, self.role_embedding, profile(), template(), blind
        )


def questions(n: int, seed: int, *, named: bool = True) -> tuple[Questions, np.ndarray]:
    """n questions in turn of two kinds, and logit P(right) of every LLM, `[n, M]`."""
    rng = np.random.default_rng(seed)
    side = np.where(np.arange(n) % 2 == 0, 1.0, -1.0)
    embedding = 0.25 * rng.standard_normal((n, H))
    embedding[:, 0] += side
    embedding /= np.linalg.norm(embedding, axis=1, keepdims=True)
    kinds = tuple(("law" if s > 0 else "stem") if named else "" for s in side)
    texts = tuple(f"question {seed}/{i}" for i in range(n))
    made = Questions(texts, texts, embedding, np.zeros((n, 22)), np.zeros(n), kinds, "area")
    strength = np.array([[2.5, -0.3, 0.0]])
    return made, np.array([[0.0, 0.3, 1.6]]) + strength * side[:, None] / 1.6


def planted(n: int = 120, calls: int = 6, seed: int = 0, *, named: bool = True) -> Planted:
    """Every question is put to `calls` random lone agents."""
    rng = np.random.default_rng(seed)
    made, logits = questions(n, seed, named=named)
    query = np.repeat(np.arange(n), calls)
    backbone, slot = rng.integers(M, size=n * calls), rng.integers(2, size=n * calls)
    u = rng.standard_normal(n)
    right = (rng.random(n * calls) < expit(logits[query, backbone] + u[query])).astype(float)
    zero = np.zeros(n * calls)
    usd, seconds = profile().usd[backbone], profile().seconds[backbone]
    observed = Observations(
        query, backbone, slot, right, zero, zero, usd, seconds, zero + 100, np.zeros(n),
        np.zeros(n, dtype=np.int64),
    )  # fmt: skip
    roles = np.linalg.qr(rng.standard_normal((H, S)))[0].T
    return Planted(made, logits, observed, roles)
