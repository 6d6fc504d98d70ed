"""From a calibration to a policy that was taught, question by question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from abgnn.data.query import Query
from abgnn.errors import ConfigError
from abgnn.graph.base_mas import BaseMAS
from abgnn.models.agent_balance import AgentBalance
from abgnn.models.agent_beliefs import AgentBeliefs, Remembered
from abgnn.models.plan_knowledge import knowledge
from abgnn.models.plan_net import PlanNet
from abgnn.models.policy import Policy
from abgnn.models.portfolio import Portfolio
from abgnn.models.questions import questions_of
from abgnn.planning.beliefs import Forecasts
from abgnn.planning.by_question import QuestionPlanner, priced
from abgnn.planning.calibration import Calibration
from abgnn.planning.design import PlanSpace
from abgnn.planning.question_calls import Seen
from abgnn.planning.questions import Questions, kind_entry
from abgnn.planning.team_forecasts import TeamForecasts
from abgnn.training.course import Course, Pair
from abgnn.training.imitation import Lessons, admissible, imitate
from abgnn.training.operating_points import operating_points
from abgnn.training.plan_lessons import teach_plan_net

_ENOUGH, _MORE = 40, 120  # designs that a policy can choose: from fewer on, more are made
_FINE = 512  # draws of what `PlanNet` learns from: it smooths what is left of their noise


def texts_of(data: Any, more: int) -> list[Query]:
    """Training questions and up to so many further ones of a datamodule, whose answers nobody
    reads; none of the test. They are spread over the set, which may be sorted by kinds."""
    train: list[Query] = data.queries("train")
    if not more:
        return train
    used = {query.id for split in ("train", "test") for query in data.queries(split)}
    rest = [query for query in data.load() if query.id not in used]
    places = np.linspace(0, len(rest) - 1, min(more, len(rest))).round().astype(int)
    return train + [rest[place] for place in places]


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


@dataclass(frozen=True)
class Material:
    """Questions to learn on, as a planner reads them.

    Args:
        queries, questions: L of them.
        seen: what is read of them. What their own answers taught the planner is taken away, so
            that they are to the pupil as new questions will be.
    """

    queries: list[Query]
    questions: Questions
    seen: Seen

    @classmethod
    def of(
        cls,
        planner: QuestionPlanner,
        calibration: Calibration,
        queries: Sequence[Query],
        questions: Questions,
    ) -> Material:
        """Of queries: those of a calibration only where the planner can leave their answers out."""
        asked = () if calibration.questions is None else calibration.questions.texts
        row = {asked[i]: k for k, i in enumerate(priced(len(asked)))}
        old = [i for i, query in enumerate(queries) if query.text in row]
        new = [i for i, query in enumerate(queries) if query.text not in set(asked)]
        at = np.array(old + new, dtype=np.int64)
        left_out = planner.seen.rows(np.array([row[queries[i].text] for i in old], dtype=np.int64))
        seen = left_out.joined(planner.read(questions.rows(at[len(old) :])))
        return cls([queries[i] for i in at], questions.rows(at), seen)


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
    material = Material.of(planner, calibration, queries, questions_of(mas, queries, by))
    if isinstance(policy, PlanNet):
        return _teach_scores(policy, planner, mas, material, course)
    if not isinstance(policy, AgentBalance):
        raise ConfigError("policy", type(policy).__name__, "PlanNet or AgentBalance, to be taught")
    return _teach_choices(policy, planner, mas, calibration, material, points, course)


def _teach_scores(
    policy: PlanNet,
    planner: QuestionPlanner,
    mas: BaseMAS,
    material: Material,
    course: Course,
) -> float:
    portfolio = Portfolio(planner.roles, planner.backbones, planner.designs)
    features, questions = planner.model.features, material.questions
    policy.know(
        knowledge(portfolio, planner, features, planner.profile, questions, mas.encode.model)
    )
    fine = TeamForecasts(planner.model, planner.bills, planner.profile, _FINE, 2)
    forecasts = fine.forecasts(material.seen, planner.designs)
    belief = planner.team.belief(material.seen)
    return teach_plan_net(policy, forecasts, questions, course, belief)


def _teach_choices(
    policy: AgentBalance,
    planner: QuestionPlanner,
    mas: BaseMAS,
    calibration: Calibration,
    material: Material,
    points: Sequence[Pair],
    course: Course,
) -> float:
    known = AgentBeliefs(planner, mas.encode.model, material.questions.by)
    if policy.prior is not None:
        place = {query.text: i for i, query in enumerate(material.queries)}
        belief = planner.team.belief(material.seen)
        policy.believe(Remembered(planner, known.encoder, known.by, belief, place))
    lessons = lessons_for(policy.plan_space(calibration), planner, material, course.seed)
    reached = imitate(policy, mas, lessons, points, course)
    if policy.tradeoff is not None:
        rows = operating_points(policy, mas, planner, material.queries, material.seen)
        policy.tradeoff.taught = torch.tensor(rows, device=policy.tradeoff.taught.device)
    if policy.prior is not None:
        policy.believe(known)
    return reached


def lessons_for(
    space: PlanSpace, planner: QuestionPlanner, material: Material, seed: int = 0
) -> Lessons:
    """Forecasts of designs that a policy can choose: the planner's, and where few of them are
    within its pools, teams of one LLM."""
    able = admissible(planner.designs, space)
    designs = [planner.designs[d] for d in able]
    ahead = planner.forecasts_on(material.seen)
    parts = [[values[:, able] for values in (ahead.accuracy, ahead.usd, ahead.seconds)]]
    if len(designs) < _ENOUGH:
        new = [design for design in space.library(most=3) if design not in designs]
        rng = np.random.default_rng(seed)
        new = [new[i] for i in sorted(rng.permutation(len(new))[:_MORE])]
        more = planner.forecasts_on(material.seen, new)
        parts.append([more.accuracy, more.usd, more.seconds])
        designs += new
    joined = Forecasts(*(np.concatenate(columns, 1) for columns in zip(*parts, strict=True)))
    return Lessons(material.queries, tuple(designs), joined, space.pools)
