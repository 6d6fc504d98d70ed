"""From a plan that reads the question to a policy, to plans, or to forecasts of each question."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from abgnn.data.plan import Plan
from abgnn.data.query import Query, options_of
from abgnn.models.planned_loops import PlannedLoops, loop_plans
from abgnn.models.planned_questions import PlannedQuestions
from abgnn.models.policy import Policy
from abgnn.planning.question_plan import QuestionPlan
from abgnn.planning.questions import Questions
from abgnn.planning.reading_plan import ReadingPlan, read_reading_plan
from abgnn.planning.simulation import Forecast


def planned_policy(plan: ReadingPlan | str) -> Policy:
    """The policy that carries out a plan, or a file of `abgnn plan`: teams by question or closed
    loops.

    Raises:
        ConfigError: no such file, or one of another kind.
    """
    known = read_reading_plan(plan) if isinstance(plan, str) else plan
    return PlannedQuestions(known) if isinstance(known, QuestionPlan) else PlannedLoops(known)


def plans_by(plan: ReadingPlan, queries: Sequence[Query], questions: Questions) -> list[Plan]:
    """The plan of each query; `questions` are the same ones, encoded."""
    if isinstance(plan, QuestionPlan):
        return plan.plans(queries, questions)
    return loop_plans(plan, queries, questions)


def forecasts_by(
    plan: ReadingPlan, queries: Sequence[Query], questions: Questions
) -> list[Forecast]:
    """What is expected of each query's own plan, before any call."""
    if isinstance(plan, QuestionPlan):
        known = plan.planner.forecasts(questions)
        at = np.arange(len(queries)), known.best(*plan.prices)
        means = known.accuracy[at], known.usd[at], known.seconds[at]
    else:
        problems = plan.loop.problems(questions, [options_of(query) for query in queries])
        run = plan.loop.expected_of(problems)(*plan.prices)
        means = run.right, run.usd, run.seconds
    return [Forecast(*map(float, of)) for of in zip(*means, strict=True)]
