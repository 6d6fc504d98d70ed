"""What closed_loop compares: each method's scores and bills under budgets, planned on the training
questions alone."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from matched_cost import choose, price_of_cost
from routing_beliefs import RealTable, by_task, level_profile, observations

from abgnn.data.arrays import Array, Index
from abgnn.graph.base_mas import BaseMAS
from abgnn.planning import Budget, TwoStageBeliefs
from abgnn.planning.calibration import Calibration
from abgnn.planning.closed_loop.answer_model import AnswerModel
from abgnn.planning.closed_loop.answer_table import AnswerTable
from abgnn.planning.closed_loop.calibrated import PlannerPredict
from abgnn.planning.closed_loop.closed_loop import ClosedLoop
from abgnn.planning.closed_loop.loop_plan import LoopPlan
from abgnn.planning.closed_loop.majorities import majorities_of, voted
from abgnn.planning.closed_loop.prior import LoopPrior
from abgnn.planning.closed_loop.problem import PROTOTYPE
from abgnn.planning.closed_loop.replay import Replay, price_of_budget
from abgnn.planning.two_stage_means import squashed

Made = tuple[Array, Array]
"""Scores and USD of every test question at every budget, `[B, q]` each."""


@dataclass(frozen=True)
class Recorded:
    """Answers of all LLMs to all questions.

    Args:
        real: questions, scores, USD.
        table: the same with the keys of answers.
    """

    real: RealTable
    table: AnswerTable

    def calibration(self, train: Index) -> Calibration:
        """As `abgnn calibrate --design complete` of a recorded world."""
        features = self.table.features
        observed = replace(
            observations(self.real, train),
            key=self.table.keys[train].ravel(),
            options=self.table.options[train],
            form=None if features is None else features[train].reshape(-1, features.shape[2]),
        )
        mas = BaseMAS("general", template="templates/routing.yaml", encoder="offline")
        everyone = (tuple(range(len(self.table.llms))),)
        return Calibration(
            "recorded", "general", level_profile(self.real, train), mas.template, everyone,
            observed, len(observed), 0.0, questions=self.real.questions.rows(train),
            role_embedding=mas.role_embed.double().numpy(),
        )  # fmt: skip


def methods(recorded: Recorded, train: Index, test: Index, budgets: Array) -> dict[str, Made]:
    """Every method at every budget."""
    plan = LoopPlan.of(recorded.calibration(train), Budget())
    at = recorded.table.rows(test)
    predict = PlannerPredict(plan.planner, plan.agents)
    routed = _routed(plan, predict, recorded, train, test, budgets)
    questions, known = recorded.real.questions.rows(train), recorded.table.rows(train)
    loops = {
        "closed loop": plan.loop,
        "the same, prior of two processes": ClosedLoop.fit(questions, known),
        "loop.md's prototype": prototype(recorded, train),
    }
    made = {name: looped(loop, recorded, at, test, budgets) for name, loop in loops.items()}
    if known.features is not None:
        plain = replace(recorded, table=replace(recorded.table, features=None))
        without = LoopPlan.of(plain.calibration(train), Budget()).loop
        made["closed loop, forms unread"] = looped(
            without, plain, plain.table.rows(test), test, budgets
        )
    if len(known.llms) > 2:
        made["majority of three"] = _majority(recorded, train, test, budgets)
    return made | {
        "router of the same beliefs": routed,
        "best LLM per task": _paid(recorded, test, by_task(recorded.real, train, test, budgets)),
    }


def looped(
    loop: ClosedLoop, recorded: Recorded, at: AnswerTable, test: Index, budgets: Array
) -> Made:
    """Prices by replay of the training questions, then the test questions replayed."""
    problems = loop.problems(recorded.real.questions.rows(test), at.options)
    replay = Replay(problems, replace(at, llms=loop.llms, forms=binned(loop, at)))
    runs = [replay(price_of_budget(loop.replay, float(budget))) for budget in budgets]
    return np.stack([run.right for run in runs]), np.stack([run.usd for run in runs])


def binned(loop: ClosedLoop, at: AnswerTable) -> Index | None:
    """Bins of the forms of the test's answers."""
    if loop.forms is None or at.features is None:
        return None
    rows = [
        [scale(features) for scale, features in zip(loop.forms.scales, row, strict=True)]
        for row in at.features
    ]
    return np.array(rows, dtype=np.int64)


def prototype(recorded: Recorded, train: Index) -> ClosedLoop:
    """The algorithm as its page has it: kernels by leave-one-out error, default constants of how
    answers go together but for s and α by task, three, two, one, one calls ahead."""
    questions, table = recorded.real.questions.rows(train), recorded.table.rows(train)
    beliefs = TwoStageBeliefs.fit(questions, table.outcomes, ("lead",), table.llms)
    prior = LoopPrior(beliefs.predictions, squashed(beliefs.fitted.left_out))
    loop = ClosedLoop.fit(questions, table, prior, depths=PROTOTYPE)
    pooled = AnswerModel(loop.answers.pooled.spread, attraction=loop.answers.pooled.attraction)
    return replace(loop, answers=replace(loop.answers, pooled=pooled))


def _routed(
    plan: LoopPlan, predict: PlannerPredict, recorded: Recorded, train: Index, test: Index,
    budgets: Array,
) -> Made:  # fmt: skip
    """One LLM a question; λ from left-out accuracies and the means of bills by task."""
    accuracy, usd, _ = predict(recorded.real.questions.rows(test))
    _, known, _ = predict(recorded.real.questions.rows(train))
    prices = [price_of_cost(plan.loop.left_out, known, float(b)) for b in budgets]
    return _paid(recorded, test, [choose(accuracy, usd, price) for price in prices])


def _paid(recorded: Recorded, test: Index, routings: list[Array]) -> Made:
    score, cost = recorded.real.score[test], recorded.real.cost[test]
    made = np.stack([(routing * score).sum(1) for routing in routings])
    return made, np.stack([(routing * cost).sum(1) for routing in routings])


def _majority(recorded: Recorded, train: Index, test: Index, budgets: Array) -> Made:
    """The three that do best on the training questions within the budget, or one."""
    known, new = recorded.table.rows(train), recorded.table.rows(test)
    three, alone = majorities_of(known), majorities_of(known, voters=1)
    chosen = [three.best(Budget(float(budget)), alone) for budget in budgets]
    right, usd, _ = np.stack([voted(new, llms) for llms in chosen], 1)
    return right, usd
