"""Rows of by_question for closed loops from committees, and for what roles and messages add."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from abgnn.models import PlannedLoops
from abgnn.planning import Budget, LoopPlan
from abgnn.planning.calibration import Calibration
from abgnn.planning.closed_loop.closed_loop import choose_candidates
from abgnn.planning.reading_plan import BothPlans

LOOPS, BEST = "closed loops", "the better by expectation"
UNREAD, LEAD = "loops without readers", "the same, of one role"
Row = list[float]  # accuracy, use, distinct plans


def add_loops(
    known: Calibration,
    budgets: Sequence[float],
    judged: Callable[[PlannedLoops, float], Row],
    teams: tuple[str, str],
    out: dict[str, list[Row]],
) -> None:
    """Closed loops of a calibration, and the better of both kinds by what is expected, beside the
    rows `teams` (static ones, and strict), which are there."""
    both = BothPlans.of(known)
    less = {UNREAD: _unread(both.loop), LEAD: _one_role(both.loop)}
    for k, cost in enumerate(budgets):
        for static, ending in zip(teams, ("", ", strict"), strict=True):
            budget = Budget(cost, strict=bool(ending))
            row = judged(PlannedLoops(both.loop.at(budget, nearest=True)), cost)
            out.setdefault(LOOPS + ending, []).append(row)
            loop = isinstance(both.at(budget, nearest=True), LoopPlan)
            out.setdefault(BEST + ending, []).append(row if loop else out[static][k])
        for who, plan in less.items():
            row = judged(PlannedLoops(plan.at(Budget(cost), nearest=True)), cost)
            out.setdefault(who, []).append(row)


def _unread(plan: LoopPlan) -> LoopPlan:
    """Nobody reads what was said; whoever is asked answers afresh."""
    return replace(plan, loop=replace(plan.loop, reading=None))


def _one_role(plan: LoopPlan) -> LoopPlan:
    """Every LLM in the template's lead role only."""
    loop, lead = plan.loop, plan.planner.template.lead
    able = [a for a, (slot, _) in enumerate(plan.agents.agents) if slot == lead]
    assert loop.bills is not None, "committees have bills as believed"
    chosen = choose_candidates(loop.table.tasks, loop.left_out, loop.bills[0], able=able)
    return replace(plan, loop=replace(loop, chosen=chosen, reading=None))
