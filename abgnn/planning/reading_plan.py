"""`ReadingPlan`: plans that read the question, static ones or closed loops; which to make."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from abgnn.errors import ConfigError
from abgnn.planning.budgets import Budget
from abgnn.planning.calibration import Calibration, file_format
from abgnn.planning.closed_loop.loop_plan import FORMAT as LOOP
from abgnn.planning.closed_loop.loop_plan import LoopPlan
from abgnn.planning.question_plan import FORMAT as STATIC
from abgnn.planning.question_plan import QuestionPlan

ReadingPlan: TypeAlias = QuestionPlan | LoopPlan
PlanKind: TypeAlias = Literal["best", "static", "loop"]
FORMATS = {STATIC: "question plan", LOOP: "loop plan"}


@dataclass(frozen=True)
class BothPlans:
    """Closed loops and static teams of one calibration, of which budgets, or prices, get whichever
    is expected to do better.

    Args:
        loop, static: of the same calibration.
    """

    loop: LoopPlan
    static: QuestionPlan

    @classmethod
    def of(cls, calibration: Calibration) -> BothPlans:
        """Without budgets.

        Raises:
            ConfigError: see `LoopPlan.of`.
        """
        free = Budget()
        return cls(LoopPlan.of(calibration, free), QuestionPlan.of(calibration, free))

    def at(self, budget: Budget, queries: int = 100, *, nearest: bool = False) -> ReadingPlan:
        """The one that keeps the budgets; of two that do, the one that is believed to be better.

        Raises:
            ConfigError: a latency quantile, or (unless `nearest`) neither is expected to meet the
                budgets.
        """
        loop, static = (of.at(budget, queries, nearest=True) for of in (self.loop, self.static))
        kept = [plan for plan in (loop, static) if plan.feasible]
        best = max(kept or (loop, static), key=_accuracy)
        if best.refusal is not None and not nearest:
            raise best.refusal
        return best

    def priced(self, lambda_tok: float, lambda_lat: float, queries: int = 100) -> ReadingPlan:
        """The one that is believed to be better, less what it costs at these prices."""

        def worth(plan: ReadingPlan) -> float:
            known = plan.expected
            cost = lambda_tok * known["cost_usd"] + lambda_lat * known["latency_s"]
            return _accuracy(plan) - cost

        both = (of.priced(lambda_tok, lambda_lat, queries) for of in (self.loop, self.static))
        return max(both, key=worth)


def _accuracy(plan: ReadingPlan) -> float:
    """As believed; a replay has the luck of its answers, which what teams state has not."""
    return plan.believed if isinstance(plan, LoopPlan) else plan.expected["accuracy"]


def any_plan(calibration: Calibration) -> QuestionPlan | BothPlans:
    """What plans for any budgets: static teams, and closed loops where they take part."""
    if loops_take_part(calibration):
        return BothPlans.of(calibration)
    return QuestionPlan.of(calibration, Budget())


def reading_plan(
    calibration: Calibration,
    budget: Budget,
    queries: int = 100,
    kind: PlanKind = "best",
    *,
    nearest: bool = False,
) -> ReadingPlan:
    """Plan for budgets.

    Args:
        calibration: what was observed.
        budget: in the mean.
        queries: what predictions are for.
        kind: `static` teams, closed `loop`s, or whichever is expected to be `best`. Loops take
            part where answers were recorded with their keys, or programs with what they make of
            public examples.
        nearest: see `QuestionPlan.of`.

    Raises:
        ConfigError: budgets that cannot be met (unless `nearest`), or a loop without keys.
    """
    if kind == "loop":
        return LoopPlan.of(calibration, budget, queries, nearest=nearest)
    if kind == "static" or not loops_take_part(calibration):
        return QuestionPlan.of(calibration, budget, queries, nearest=nearest)
    return BothPlans.of(calibration).at(budget, queries, nearest=nearest)


def loops_take_part(calibration: Calibration) -> bool:
    """Whether closed loops are weighed unasked."""
    observed = calibration.observed
    keyed = observed.key is not None and bool((observed.key >= 0).any())
    run = observed.passes is not None and bool(observed.passes.any())
    return (keyed or run) and calibration.questions is not None


def read_reading_plan(path: str | Path) -> ReadingPlan:
    """A file of `abgnn plan`, of either kind.

    Raises:
        ConfigError: no such file, or not one of ours.
    """
    name = file_format(path)
    if name not in FORMATS:
        raise ConfigError("file", str(path), "a plan by question, or of closed loops")
    return QuestionPlan.read(path) if name == STATIC else LoopPlan.read(path)
