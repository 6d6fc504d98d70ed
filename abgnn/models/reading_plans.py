"""From a plan that reads the question to a policy, or to plans."""

from __future__ import annotations

from collections.abc import Sequence

from abgnn.data.plan import Plan
from abgnn.data.query import Query
from abgnn.models.planned_loops import PlannedLoops, loop_plans
from abgnn.models.planned_questions import PlannedQuestions
from abgnn.models.policy import Policy
from abgnn.planning.question_plan import QuestionPlan
from abgnn.planning.questions import Questions
from abgnn.planning.reading_plan import ReadingPlan


def planned_policy(plan: ReadingPlan) -> Policy:
    """The policy that carries a plan out."""
    return PlannedQuestions(plan) if isinstance(plan, QuestionPlan) else PlannedLoops(plan)


def plans_by(plan: ReadingPlan, queries: Sequence[Query], questions: Questions) -> list[Plan]:
    """The plan of each query; `questions` are the same ones, encoded."""
    if isinstance(plan, QuestionPlan):
        return plan.plans(queries, questions)
    return loop_plans(plan, queries, questions)
