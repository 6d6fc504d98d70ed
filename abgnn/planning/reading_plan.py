"""`ReadingPlan`: plans that read the question, static ones or closed loops; which to make."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

from abgnn.errors import ConfigError
from abgnn.planning.budgets import Budget
from abgnn.planning.calibration import Calibration, file_format
from abgnn.planning.closed_loop.loop_plan import FORMAT as LOOP
from abgnn.planning.closed_loop.loop_plan import LoopPlan
from abgnn.planning.lone_beliefs import one_role
from abgnn.planning.question_plan import FORMAT as STATIC
from abgnn.planning.question_plan import QuestionPlan

ReadingPlan: TypeAlias = QuestionPlan | LoopPlan
PlanKind: TypeAlias = Literal["best", "static", "loop"]
FORMATS = {STATIC: "question plan", LOOP: "loop plan"}


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
            public examples, and nobody reads anybody, as `abgnn calibrate --design complete` sees
            to; elsewhere teams are what was observed.
        nearest: see `QuestionPlan.of`.

    Raises:
        ConfigError: budgets that cannot be met (unless `nearest`), or a loop without keys.
    """
    if kind == "loop":
        return LoopPlan.of(calibration, budget, queries, nearest=nearest)
    if kind == "static" or not loops_take_part(calibration):
        return QuestionPlan.of(calibration, budget, queries, nearest=nearest)
    loop = LoopPlan.of(calibration, budget, queries, nearest=True)
    static = QuestionPlan.of(calibration, budget, queries, nearest=nearest or loop.feasible)
    if loop.feasible != static.feasible:
        return loop if loop.feasible else static
    better = loop.expected["accuracy"] > static.expected["accuracy"]
    return loop if better else static


def loops_take_part(calibration: Calibration) -> bool:
    """Whether closed loops are weighed unasked."""
    observed = calibration.observed
    keyed = observed.key is not None and bool((observed.key >= 0).any())
    run = observed.passes is not None and bool(observed.passes.any())
    known = keyed or run
    return known and one_role(calibration.template) and calibration.questions is not None


def read_reading_plan(path: str | Path) -> ReadingPlan:
    """A file of `abgnn plan`, of either kind.

    Raises:
        ConfigError: no such file, or not one of ours.
    """
    name = file_format(path)
    if name not in FORMATS:
        raise ConfigError("file", str(path), "a plan by question, or of closed loops")
    return QuestionPlan.read(path) if name == STATIC else LoopPlan.read(path)
