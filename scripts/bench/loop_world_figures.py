"""Everything that loop_world measures in one case, as plain numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from loop_world_case import Case, means
from loop_world_paced import Spending, price_curve
from loop_world_rivals import Curve, Rivals, planned

from abgnn.data.arrays import Array
from abgnn.data.outcome import Outcome
from abgnn.models import PlannedLoops, PlannedQuestions
from abgnn.planning import Budget, QuestionPlan
from abgnn.planning.closed_loop.calibrated import PlannerPredict
from abgnn.planning.closed_loop.loop_plan import LoopPlan
from abgnn.planning.closed_loop.pacing import Pacer
from abgnn.planning.closed_loop.replay import Replay

Figures = dict[str, list[float]]
SHARES = tuple(np.round(np.arange(0.15, 1.51, 0.05), 2).tolist())
"""Of the best single LLM's cost: where a loop is compared with it."""
PACED = 300  # questions
TIGHT = 0.8  # of the seconds that a loop takes where they have no price: the latency budget
_PATH = 14


def measured(case: Case, *, standard: bool) -> Figures:
    """At four budgets between the cheapest and the dearest LLM's mean cost in the calibration."""
    plan = LoopPlan.of(case.complete, Budget())
    spent = plan.loop.table.usd.mean(0)
    budgets = np.geomspace(spent.min(), spent.max(), 6)[1:-1]
    replay, rivals = case.replay(plan.loop), _rivals(case, plan)
    static = planned(QuestionPlan.of(case.complete, Budget()), case.questions, case.table)
    out = _at_budgets(case, plan, budgets, replay, rivals, static)
    out |= _path(plan, replay, rivals, np.geomspace(spent.min(), 1.2 * spent.max(), _PATH))
    out |= _paced(plan, replay, budgets)
    out |= _latency(case, plan, replay, float(budgets[2]))
    if standard:
        out |= _standard(case, budgets, float(spent.max()))
    return out


def _rivals(case: Case, plan: LoopPlan) -> Rivals:
    accuracy, usd, _ = PlannerPredict(plan.planner, plan.agents)(case.questions)
    return Rivals(case.table, accuracy, usd)


def _at_budgets(
    case: Case, plan: LoopPlan, budgets: Array, replay: Replay, rivals: Rivals, static: Curve
) -> Figures:
    names = "loop mixture router static single use calls shown same seconds".split()
    out: Figures = {name: [] for name in names}
    calls = np.zeros(5)
    for budget in budgets:
        at = plan.at(Budget(float(budget)))
        outcomes = case.run(PlannedLoops(at))
        score, usd, seconds = means(outcomes)
        n = np.array([len(o.calls) for o in outcomes])
        calls += np.bincount(n, minlength=5)[:5] / len(n) / len(budgets)
        row = (score, rivals.mixture(usd), rivals.router(usd), static(usd), rivals.single(usd))
        more = (usd / budget, n.mean(), _shown(outcomes) - score, _same(outcomes, replay, at))
        for name, value in zip(names, (*row, *more, seconds), strict=True):
            out[name].append(float(value))
    return out | {"calls of a question": calls.tolist()}


def _shown(outcomes: list[Outcome]) -> float:
    """Mean of P(right) as the loops gave it when they stopped."""
    return float(np.mean([o.steps[-1].probability for o in outcomes]))


def _same(outcomes: list[Outcome], replay: Replay, at: LoopPlan) -> float:
    """Share of the questions on which a replay of the test's table comes to the same."""
    run = replay(*at.prices)
    score, usd = (np.array([getattr(o, of) for o in outcomes]) for of in ("score", "cost"))
    return float(np.mean((score == run.right) & np.isclose(usd, run.usd, rtol=1e-6)))


def _path(plan: LoopPlan, replay: Replay, rivals: Rivals, budgets: Array) -> Figures:
    """The loop's curve beside the best single LLM."""
    runs = [replay(plan.loop.at(float(b)).lambda_tok) for b in budgets] + [replay(0.0)]
    curve = Curve(np.array([(run.usd.mean(), run.right.mean()) for run in runs]))
    cost, score = rivals.best_single
    return {
        "top": [float(curve.score.max()) - score],
        "unlimited": [float(runs[-1].right.mean()) - score],
        "beside the best": [curve(share * cost) - score for share in SHARES],
    }


def _paced(plan: LoopPlan, replay: Replay, budgets: Array) -> Figures:
    spending = Spending(replay, PACED)
    unit = 1 / float(np.mean([p.usd.mean() for p in replay.problems]))
    price = price_curve(lambda x: plan.loop.replay(x).usd, 1e-4 * unit, 10 * unit)
    out: Figures = {"paced": [], "paced, dearer": []}
    for budget in budgets:
        for name, dearer in (("paced", False), ("paced, dearer", True)):
            pacer = Pacer(float(budget), price, len(spending.order))
            out[name].append(spending.paced(pacer, dearer))
    asked = len(spending.order) * 2 * len(budgets)
    out["ms per decision"] = [1e3 * spending.cpu / spending.decisions]
    return out | {"ms per question": [1e3 * spending.cpu / asked]}


def _latency(case: Case, plan: LoopPlan, replay: Replay, usd: float) -> Figures:
    """With a budget of seconds, and the same prices with one call after the other."""
    free = plan.at(Budget(usd))
    limit = TIGHT * free.expected["latency_s"]
    at = plan.at(Budget(usd, limit))
    score, cost, seconds = means(case.run(PlannedLoops(at)))
    one_by_one = replace(replay, problems=[replace(p, parallel=False) for p in replay.problems])
    runs: Mapping[str, Replay] = {"parallel": replay, "sequential": one_by_one}
    out = {"latency use": [seconds / limit], "cost use beside": [cost / usd]}
    for name, each in runs.items():
        run = each(*at.prices)
        out[name] = [float(run.seconds.mean()), float(run.right.mean()), float(run.usd.mean())]
    run = replay(*free.prices)
    out["no limit"] = [float(run.seconds.mean()), float(run.right.mean()), float(run.usd.mean())]
    return out


def _standard(case: Case, budgets: Array, most: float) -> Figures:
    """From committees: loops beside plans by question, static teams among them."""
    known = case.calibration("random")
    loop, static = LoopPlan.of(known, Budget()), QuestionPlan.of(known, Budget())
    points = []
    for budget in np.geomspace(0.7 * budgets[0], most, 8):
        made = case.run(PlannedQuestions(static.at(Budget(float(budget)))))
        points.append(means(made)[1::-1])
    curve = Curve(np.array(points))
    out: Figures = {"standard loop": [], "standard static": [], "standard use": []}
    for budget in budgets:
        outcomes = case.run(PlannedLoops(loop.at(Budget(float(budget)))))
        score, usd, _ = means(outcomes)
        out["standard loop"].append(score)
        out["standard static"].append(curve(usd))
        out["standard use"].append(usd / float(budget))
    return out
