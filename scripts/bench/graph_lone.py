"""Policies taught by beliefs about lone LLMs: a planner of one role whose forecasts are given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import torch

from abgnn.data.arrays import Array, Index
from abgnn.data.query import Query
from abgnn.data.template import Template
from abgnn.graph.base_mas import BaseMAS
from abgnn.models import AgentBalance, PlanNet, Policy
from abgnn.models.plan_knowledge import knowledge
from abgnn.models.portfolio import Portfolio
from abgnn.planning import TwoStageBeliefs
from abgnn.planning.beliefs import Belief, Forecasts
from abgnn.planning.design import Design
from abgnn.planning.prior import Prior
from abgnn.planning.question_features import QuestionFeatures
from abgnn.planning.questions import Questions
from abgnn.training.course import AGENT_BALANCE, PLAN_NET
from abgnn.training.lessons import teach
from abgnn.training.plan_lessons import teach_plan_net
from abgnn.training.profiles_alone import profiles_alone

Pairs = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class LonePlanner:
    """What `teach` asks of a planner, with one design per LLM.

    Args:
        template: of one role and a decision agent that is never called.
        beliefs: of two roles alike.
        left_out: what is believed of the training questions without their own answers, `[n, M]`,
            in the place of what is believed with them.
        ids: of the training questions.
    """

    template: Template
    beliefs: TwoStageBeliefs
    left_out: Array
    ids: tuple[str, ...]

    @property
    def roles(self) -> tuple[str, ...]:
        return self.beliefs.roles

    @property
    def backbones(self) -> tuple[str, ...]:
        return self.beliefs.backbones

    @property
    def designs(self) -> tuple[Design, ...]:
        return tuple(Design(((0, m),), (), None) for m in range(len(self.backbones)))

    def __call__(self, questions: Questions) -> Belief:
        believed = self.beliefs(questions)
        if questions.ids != self.ids:
            return believed
        accuracy = np.repeat(np.clip(self.left_out, 0.01, 0.99)[:, None], len(self.roles), 1)
        return replace(believed, accuracy=accuracy, logit=np.log(accuracy / (1 - accuracy)))

    def forecasts(self, questions: Questions, designs: Sequence[Design] | None = None) -> Forecasts:
        chosen = self.designs if designs is None else designs
        llms = [m for design in chosen for _, m in design.agents[:1]]
        shown = self(questions)
        return Forecasts(*(of[:, 0, llms] for of in (shown.accuracy, shown.usd, shown.seconds)))


def taught(
    policy: Policy,
    mas: BaseMAS,
    planner: LonePlanner,
    queries: Sequence[Query],
    questions: Questions,
    points: Pairs,
    steps: int | None = None,
) -> Policy:
    """A policy after lessons on the training questions; their answers are in the beliefs only."""
    policy.attach(mas.table)
    if isinstance(policy, PlanNet):
        _teach_plan_net(policy, mas, planner, questions, steps)
        return policy
    assert isinstance(policy, AgentBalance)
    course = AGENT_BALANCE if steps is None else replace(AGENT_BALANCE, steps=steps)
    calibration = replace(profiles_alone(mas, queries), questions=questions)
    teach(policy, mas, calibration, cast(Any, planner), queries, points, course)
    return policy


def _teach_plan_net(
    policy: PlanNet,
    mas: BaseMAS,
    planner: LonePlanner,
    questions: Questions,
    steps: int | None,
) -> None:
    features = QuestionFeatures.fit(questions, mas.role_embed.double().numpy())
    portfolio = Portfolio(planner.roles, planner.backbones, planner.designs)
    profile = Prior.of(mas.catalogue, mas.domain)
    policy.know(
        knowledge(portfolio, planner.beliefs, features, profile, questions, mas.encode.model)
    )
    course = PLAN_NET if steps is None else replace(PLAN_NET, steps=steps)
    known = planner.beliefs(questions)
    forecasts = Forecasts(*(of[:, 0] for of in (known.accuracy, known.usd, known.seconds)))
    teach_plan_net(policy, forecasts, questions, course)


@torch.no_grad()
def llm_of(policy: Policy, mas: BaseMAS, queries: Sequence[Query], price: float) -> Index:
    """Which LLM a policy chooses for each question at λ_tok, `[Q]`."""
    policy.set_tradeoff(price, 0.0)
    plans = policy(mas.batch(queries), sample=False).plans()
    return np.array([mas.catalogue.index(plan.agents[plan.decision].backbone) for plan in plans])
