"""Everything that loop_world measures in one case, as plain numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
from abgnn.planning.closed_loop.pacing import PacedPrices, Pacer
from abgnn.planning.closed_loop.replay import Replay, Replayed

Figures = dict[str, list[float]]
SHARES = tuple(np.round(np.arange(0.15, 1.51, 0.05), 2).tolist())
"""Of the best single LLM's cost: where a loop is compared with it."""
PACED, EXECUTED = 300, 200  # questions
TIGHT = 0.8  # of the seconds that a loop takes where they have no price: the latency budget
_PATH = 14


def measured(case: Case, *, standard: bool) -> Figures:
    """At four budgets between the cheapest and the dearest LLM's mean cost in the calibration."""
    plan = LoopPlan.of(case.complete, Budget())
    spent = plan.loop.table.usd.mean(0)
    budgets = np.geomspace(spent.min(), spent.max(), 6)[1:-1]
    replay, price = case.replay(plan.loop), _prices(plan)
    accuracy, usd, _ = PlannerPredict(plan.planner, plan.agents)(case.questions)
    rivals = Rivals(case.table, accuracy, usd)
    static = planned(QuestionPlan.of(case.complete, Budget()), case.questions, case.table)
    out = _at_budgets(case, plan, budgets, replay, rivals, static)
    path = np.geomspace(1.05 * spent.min(), 1.2 * spent.max(), _PATH)
    out |= _path([replay(price(float(b))) for b in path], replay(0.0), rivals)
    out |= _paced(replay, budgets, price)
    out |= _latency(case, plan, replay, float(budgets[2]))
    if standard:
        out |= _standard(case, budgets, float(spent.max()))
    return out


def _prices(plan: LoopPlan) -> Callable[[float], float]:
    """λ of a budget."""
    unit = 1 / float(np.mean([p.usd.mean() for p in plan.loop.replay.problems]))
    return price_curve(lambda x: plan.loop.replay(x).usd, 1e-4 * unit, 10 * unit)


def _at_budgets(
    case: Case, plan: LoopPlan, budgets: Array, replay: Replay, rivals: Rivals, static: Curve
) -> Figures:
    names = ("loop", "mixture", "router", "static", "single", "use", "calls", "shown", "same")
    out: Figures = {name: [] for name in (*names, "seconds")}
    calls = np.zeros(5)
    for budget in budgets:
        at = plan.at(Budget(float(budget)))
        run = replay(*at.prices)
        score, usd, seconds = (float(x.mean()) for x in (run.right, run.usd, run.seconds))
        calls += np.bincount(run.calls, minlength=5)[:5] / len(run.calls) / len(budgets)
        row = (score, rivals.mixture(usd), rivals.router(usd), static(usd), rivals.single(usd))
        shown = run.probability.mean() - score
        same = _same(case.run(PlannedLoops(at), EXECUTED), run)
        more = (usd / budget, run.calls.mean(), shown, same, seconds)
        for name, value in zip((*names, "seconds"), (*row, *more), strict=True):
            out[name].append(float(value))
    return out | {"calls of a question": calls.tolist()}


def _same(outcomes: list[Outcome], run: Replayed) -> float:
    """Share of the questions on which executing comes to what the replay of the test does."""
    n = len(outcomes)
    score, usd, sure = np.array([(o.score, o.cost, o.steps[-1].probability) for o in outcomes]).T
    alike = (score == run.right[:n]) & np.isclose(usd, run.usd[:n], rtol=1e-6)
    return float(np.mean(alike & np.isclose(sure, run.probability[:n], atol=1e-6)))


def _path(runs: list[Replayed], unlimited: Replayed, rivals: Rivals) -> Figures:
    """The loop's curve beside the best single LLM."""
    curve = Curve(np.array([(run.usd.mean(), run.right.mean()) for run in (*runs, unlimited)]))
    cost, score = rivals.best_single
    return {
        "top": [float(curve.score.max()) - score],
        "unlimited": [float(unlimited.right.mean()) - score],
        "beside the best": [curve(share * cost) - score for share in SHARES],
    }


def _paced(replay: Replay, budgets: Array, price: Callable[[float], float]) -> Figures:
    spending = Spending(replay, PACED)
    out: Figures = {"paced": [], "paced, dearer": []}
    for budget in budgets:
        for name, dearer in (("paced", False), ("paced, dearer", True)):
            paced = PacedPrices((0.0, 0.0), Pacer(float(budget), price, len(spending.order)))
            out[name].append(spending.paced(paced, (float(budget), 1.0), dearer)[0])
    asked = len(spending.order) * 2 * len(budgets)
    out["ms per decision"] = [1e3 * spending.cpu / spending.decisions]
    return out | {"ms per question": [1e3 * spending.cpu / asked]}


def _latency(case: Case, plan: LoopPlan, replay: Replay, usd: float) -> Figures:
    """With a budget of seconds, and the same prices with one call after the other."""
    free = plan.at(Budget(usd))
    limit = TIGHT * free.expected["latency_s"]
    at = plan.at(Budget(usd, limit))
    _, cost, seconds = means(case.run(PlannedLoops(at), EXECUTED))
    one_by_one = replace(replay, problems=[replace(p, parallel=False) for p in replay.problems])
    runs: Mapping[str, Replay] = {"parallel": replay, "sequential": one_by_one}
    out = {"executed": [cost, seconds], "limit": [limit]}
    for name, each in runs.items():
        run = each(*at.prices)
        out[name] = [float(run.seconds.mean()), float(run.right.mean()), float(run.usd.mean())]
    out["latency use"] = [out["parallel"][0] / limit]
    out["cost use beside"] = [out["parallel"][2] / usd]
    spending = Spending(replay, PACED)
    share, beside = spending.paced(at.loop.paced(usd, limit, len(spending.order)), (usd, limit))
    out |= {"paced latency": [beside], "paced cost beside": [share]}
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
