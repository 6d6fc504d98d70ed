"""From a calibration to a policy that was taught, question by question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from abgnn.data.plan import Plan
from abgnn.data.query import Query
from abgnn.data.template import Template
from abgnn.errors import ConfigError
from abgnn.graph.base_mas import BaseMAS
from abgnn.models.agent_balance import AgentBalance
from abgnn.models.plan_knowledge import knowledge
from abgnn.models.plan_net import PlanNet
from abgnn.models.policy import Policy
from abgnn.models.portfolio import Portfolio
from abgnn.models.questions import questions_of
from abgnn.planning.beliefs import Forecasts
from abgnn.planning.by_question import QuestionPlanner
from abgnn.planning.calibration import Calibration
from abgnn.planning.design import Design, PlanSpace
from abgnn.planning.question_calls import Seen
from abgnn.planning.questions import Questions, kind_entry
from abgnn.planning.team_forecasts import TeamForecasts
from abgnn.training.course import Course, Pair
from abgnn.training.imitation import Lessons, admissible, imitate
from abgnn.training.plan_lessons import teach_plan_net

_ENOUGH, _MORE = 40, 120  # designs that a policy can choose: from fewer on, more are made
_CHUNK = 256
_FINE = 512  # draws of what `PlanNet` learns from: it smooths what is left of their noise


def texts_of(data: Any, more: int) -> list[Query]:
    """Training questions and up to so many further ones of a datamodule, whose answers nobody
    reads; none of the test."""
    train: list[Query] = data.queries("train")
    if not more:
        return train
    used = {query.id for split in ("train", "test") for query in data.queries(split)}
    rest = [query for query in data.load() if query.id not in used]
    return train + rest[:more]


def planner_of(calibration: Calibration, mas: BaseMAS, queries: Sequence[Query]) -> QuestionPlanner:
    """The planner by question of a calibration; one of 0.1, which lacks its questions, is taken
    to be of these training questions if there are as many.

    Raises:
        ConfigError: they are not.
    """
    if calibration.questions is None and calibration.observed.n_queries == len(queries):
        calibration = replace(
            calibration,
            questions=questions_of(mas, queries, kind_entry(queries)),
            role_embedding=mas.role_embed.double().numpy(),
            encoder=mas.encode.model,
        )
    return calibration.by_question()


def teach(
    policy: Policy,
    mas: BaseMAS,
    calibration: Calibration,
    planner: QuestionPlanner,
    queries: Sequence[Query],
    points: Sequence[Pair],
    course: Course,
) -> float:
    """A policy learns what the planner would choose on questions; no call is made.

    Args:
        policy: `PlanNet` learns the planner's forecasts, which serve all λ's; AgentBalance its
            choices at the points, of which one that is conditioned on the λ's remembers what the
            planner expects of it.
        mas: encodes questions and roles.
        calibration: of these LLMs and roles; planner: of it.
        queries: the questions, answers are not read.
        points: pairs (λ_tok, λ_lat).
        course: of the lessons.

    Returns: of `PlanNet` the error that is left, of others the probability of a single choice.
    """
    by = kind_entry(queries) if calibration.questions is None else calibration.questions.by
    questions = questions_of(mas, queries, by)
    if isinstance(policy, PlanNet):
        return _teach_scores(policy, planner, mas, questions, course)
    if not isinstance(policy, AgentBalance):
        raise ConfigError("policy", type(policy).__name__, "PlanNet or AgentBalance, to be taught")
    device = next(policy.parameters()).device
    if policy.prior is not None:
        policy.believe(mas.batch(queries).to(device), planner(questions))
    lessons = lessons_for(policy.plan_space(calibration), planner, queries, questions, course.seed)
    reached = imitate(policy, mas, lessons, points, course)
    if policy.tradeoff is not None:
        rows = []
        for point in points:
            policy.set_tradeoff(*point)
            rows.append([*point, *expected(policy, mas, planner, queries, questions)])
        policy.tradeoff.taught = torch.tensor(rows, device=device)
    return reached


def _teach_scores(
    policy: PlanNet,
    planner: QuestionPlanner,
    mas: BaseMAS,
    questions: Questions,
    course: Course,
) -> float:
    portfolio = Portfolio(planner.roles, planner.backbones, planner.designs)
    features = planner.model.features
    policy.know(
        knowledge(portfolio, planner, features, planner.profile, questions, mas.encode.model)
    )
    fine = TeamForecasts(planner.model, planner.bills, planner.profile, _FINE, 2)
    forecasts = fine.forecasts(Seen.of(features, questions), planner.designs)
    return teach_plan_net(policy, forecasts, questions, course)


def lessons_for(
    space: PlanSpace,
    planner: QuestionPlanner,
    queries: Sequence[Query],
    questions: Questions,
    seed: int = 0,
) -> Lessons:
    """Forecasts of designs that a policy can choose: the planner's, and where few of them are
    within its pools, teams of one LLM."""
    able = admissible(planner.designs, space)
    designs = [planner.designs[d] for d in able]
    ahead = planner.forecasts(questions)
    parts = [[values[:, able] for values in (ahead.accuracy, ahead.usd, ahead.seconds)]]
    if len(designs) < _ENOUGH:
        new = [design for design in space.library(most=3) if design not in designs]
        rng = np.random.default_rng(seed)
        new = [new[i] for i in sorted(rng.permutation(len(new))[:_MORE])]
        more = planner.forecasts(questions, new)
        parts.append([more.accuracy, more.usd, more.seconds])
        designs += new
    joined = Forecasts(*(np.concatenate(columns, 1) for columns in zip(*parts, strict=True)))
    return Lessons(queries, tuple(designs), joined, space.pools)


@torch.no_grad()
def expected(
    policy: Policy,
    mas: BaseMAS,
    planner: QuestionPlanner,
    queries: Sequence[Query],
    questions: Questions,
) -> tuple[float, float, float]:
    """Accuracy, USD and seconds that the planner expects of a policy's most probable plans."""
    device = next(policy.parameters()).device
    plans: list[Plan] = []
    for start in range(0, len(queries), _CHUNK):
        batch = mas.batch(queries[start : start + _CHUNK]).to(device)
        plans += policy(batch, sample=False).plans()
    chosen = [design_of(plan, planner.template, planner.backbones) for plan in plans]
    different = list(dict.fromkeys(chosen))
    ahead = planner.forecasts(questions, different)
    rows, place = np.arange(len(plans)), [different.index(design) for design in chosen]
    accuracy, usd, seconds = (
        float(values[rows, place].mean()) for values in (ahead.accuracy, ahead.usd, ahead.seconds)
    )
    return accuracy, usd, seconds


def design_of(plan: Plan, template: Template, names: Sequence[str]) -> Design:
    """The design that a plan carries out: as if its decision agent read all others."""
    slots = {role.name: slot for slot, role in enumerate(template.roles)}
    cast = [(slots[agent.role.name], list(names).index(agent.backbone)) for agent in plan.agents]
    decision = next((m for slot, m in cast if slot == template.decision and len(cast) > 1), None)
    agents = [(slot, m) for slot, m in cast if decision is None or slot != template.decision]
    inside = {slot for slot, _ in agents}
    edges = [(cast[u][0], cast[v][0]) for u, v in plan.edges]
    kept = tuple(sorted((u, v) for u, v in edges if u in inside and v in inside))
    return Design(tuple(agents), kept, decision)
