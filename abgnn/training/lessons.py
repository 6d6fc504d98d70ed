"""From a calibration to a policy that was taught, question by question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from abgnn.data.plan import Plan
from abgnn.data.query import Query
from abgnn.data.template import Template
from abgnn.graph.base_mas import BaseMAS
from abgnn.models.plan_knowledge import knowledge
from abgnn.models.plan_net import PlanNet
from abgnn.models.policy import Policy
from abgnn.models.portfolio import Portfolio
from abgnn.planning.beliefs import Forecasts
from abgnn.planning.by_question import QuestionPlanner
from abgnn.planning.calibration import Calibration
from abgnn.planning.design import Design, PlanSpace
from abgnn.planning.question_calls import Seen
from abgnn.planning.questions import Questions
from abgnn.planning.team_forecasts import TeamForecasts
from abgnn.training.course import Course
from abgnn.training.imitation import Lessons, Pair, admissible, imitate
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


def teach(
    policy: Policy,
    mas: BaseMAS,
    planner: QuestionPlanner,
    calibration: Calibration,
    queries: Sequence[Query],
    questions: Questions,
    points: Sequence[Pair],
    course: Course,
) -> float:
    """A policy learns what the planner would choose on questions; no call is made.

    Args:
        policy: `PlanNet` learns the planner's forecasts, which serve all λ's; another one its
            choices at the points.
        mas: encodes questions and roles.
        planner: of the calibration.
        calibration: of these LLMs and roles.
        queries: the questions; questions: the same as arrays.
        points: pairs (λ_tok, λ_lat).
        course: of the lessons.

    Returns: of `PlanNet` the error that is left, of others the probability of a single choice.
    """
    if isinstance(policy, PlanNet):
        portfolio = Portfolio(planner.roles, planner.backbones, planner.designs)
        features = planner.model.features
        policy.know(
            knowledge(portfolio, planner, features, calibration.profile, questions, calibration.by)
        )
        fine = TeamForecasts(planner.model, planner.bills, planner.profile, _FINE, 2)
        seen = Seen.of(features, questions)
        return teach_plan_net(policy, fine.forecasts(seen, planner.designs), questions, course)
    lessons = lessons_for(policy.plan_space(calibration), planner, queries, questions, course.seed)
    return imitate(policy, mas, lessons, points, course)


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
