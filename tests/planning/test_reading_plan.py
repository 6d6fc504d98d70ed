"""Static teams or closed loops: whichever is expected to do better within budgets."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from abgnn.errors import ConfigError
from abgnn.models import PlannedLoops, PlannedQuestions, planned_policy
from abgnn.planning import Budget, LoopPlan, QuestionPlan
from abgnn.planning.offered import frontier_of
from abgnn.planning.reading_plan import BothPlans, any_plan, reading_plan
from tests.planning.closed_loop.calibrations import calibration

COST = 6e-4


@cache
def both() -> BothPlans:
    """From committees."""
    made = any_plan(calibration("random"))
    assert isinstance(made, BothPlans)
    return made


@pytest.mark.parametrize(
    ("usd", "seconds"), [(6e-5, None), (2e-4, None), (COST, None), (COST, 15.0), (None, 5.0)]
)
def test_the_one_of_higher_expected_accuracy_is_taken(
    usd: float | None, seconds: float | None
) -> None:
    budget = Budget(usd, seconds)
    plans = [of.at(budget, nearest=True) for of in (both().loop, both().static)]
    taken = both().at(budget)
    assert taken.feasible
    kept = [plan.expected["accuracy"] for plan in plans if plan.feasible]
    assert taken.expected["accuracy"] == max(kept)  # with gaps, a loop's is as believed
    assert taken.budget["cost_usd"] == usd


def test_the_luck_of_a_replay_does_not_decide() -> None:
    """Complete calibrations are replayed; what is believed of loops does not know the answers."""
    loop = LoopPlan.of(calibration(), Budget(COST))
    table = loop.loop.table
    unlucky = replace(table, right=np.zeros_like(table.right))
    other = replace(loop, loop=replace(loop.loop, table=unlucky))
    assert other.expected["accuracy"] == 0 < loop.expected["accuracy"]
    assert other.believed == loop.believed


def test_from_committees_both_kinds_are_taken() -> None:
    assert isinstance(reading_plan(calibration("random"), Budget(COST)), LoopPlan)
    static = reading_plan(calibration("random"), Budget(COST), kind="static")
    assert isinstance(static, QuestionPlan)
    better = both().at(Budget(COST)).expected["accuracy"]
    assert better > static.expected["accuracy"]


def test_one_that_keeps_the_budgets_goes_before_a_better_one_that_does_not() -> None:
    loop = both().loop.loop
    assert loop.bills is not None
    usd, seconds = loop.bills
    slow = replace(both().loop, loop=replace(loop, bills=(usd, 100 * seconds)))
    budget = Budget(None, 10.0)
    taken = replace(both(), loop=slow).at(budget)
    assert isinstance(taken, QuestionPlan)
    assert slow.at(budget, nearest=True).expected["accuracy"] > 0
    assert not slow.at(budget, nearest=True).feasible


def test_budgets_that_neither_keeps_are_refused_and_the_nearest_is_shown() -> None:
    with pytest.raises(ConfigError, match="cost"):
        both().at(Budget(1e-7))
    nearest = both().at(Budget(1e-7), nearest=True)
    assert not nearest.feasible
    assert nearest.refusal is not None


def test_prices_get_what_is_worth_most() -> None:
    free = both().priced(0, 0)
    assert free.expected["accuracy"] == max(
        of.priced(0, 0).expected["accuracy"] for of in (both().loop, both().static)
    )
    cheapest = both().static.priced(1e5, 0).expected["cost_usd"]
    assert both().priced(1e5, 0).expected["cost_usd"] <= 1.001 * cheapest
    accuracy = [point.accuracy for point in frontier_of(both())]
    assert max(accuracy) == pytest.approx(free.expected["accuracy"])


def test_answers_that_cannot_be_compared_leave_static_teams() -> None:
    known = calibration("random")
    keyless = replace(known, observed=replace(known.observed, key=None))
    assert isinstance(any_plan(keyless), QuestionPlan)
    assert isinstance(reading_plan(keyless, Budget(COST)), QuestionPlan)


def test_a_file_of_either_kind_becomes_a_policy(tmp_path: Path) -> None:
    for kind, policy in ((both().loop, PlannedLoops), (both().static, PlannedQuestions)):
        kind.write(tmp_path / "plan.json")
        assert isinstance(planned_policy(str(tmp_path / "plan.json")), policy)
    (tmp_path / "other.json").write_text('{"format": "another"}')
    with pytest.raises(ConfigError, match="a plan by question, or of closed loops"):
        planned_policy(str(tmp_path / "other.json"))
    both().loop.write(tmp_path / "plan.json")
    with pytest.raises(ConfigError, match="teams by question"):
        PlannedQuestions(str(tmp_path / "plan.json"))
