"""`LoopPlan`: prices that keep budgets, one file, refusals."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from abgnn.errors import ConfigError
from abgnn.planning import Budget, LoopPlan
from abgnn.planning.calibration import Calibration
from abgnn.planning.closed_loop.ahead import predict_loop
from abgnn.planning.closed_loop.answer_table import NO_KEY
from abgnn.planning.closed_loop.loop_plan import loop_uses
from abgnn.planning.questions import Questions
from tests.planning.closed_loop.calibrations import QUESTIONS, THREE, calibration

COST = 1.2e-4


@cache
def complete() -> LoopPlan:
    return LoopPlan.of(calibration(), Budget(COST))


@cache
def gaps() -> LoopPlan:
    """From committees, most of whose answers were given after reading others."""
    return LoopPlan.of(calibration("random"), Budget(6e-4))


def questions() -> Questions:
    known = calibration().questions
    assert known is not None
    return known


def test_a_replay_keeps_the_budget_and_little_is_left_of_it() -> None:
    plan = complete()
    assert plan.feasible
    assert 0.85 * COST < plan.expected["cost_usd"] <= COST
    assert plan.prices[0] > 0 == plan.prices[1]
    predicted = plan.predicted.usd
    assert predicted.low < plan.expected["cost_usd"] < predicted.high


def test_every_llm_alone_is_a_candidate_and_the_complete_table_is_kept() -> None:
    plan, known = complete(), calibration()
    table = plan.loop.table
    assert table.llms == tuple(f"Knowledgeable Expert: {name}" for name in THREE)
    assert table.answered.all()
    assert (table.keys != NO_KEY).all()
    assert np.allclose(table.usd.sum(), known.observed.usd.sum())
    assert table.families == ("Qwen/Qwen3-1.7B", "Qwen/Qwen3-8B", "Qwen/Qwen3-8B")
    uses = loop_uses(plan)
    assert sum(use.stands or 0 for use in uses) == pytest.approx(1)
    assert [use.usd for use in uses] == sorted(use.usd for use in uses)


def test_more_money_is_expected_to_buy_more() -> None:
    plans = [complete().at(Budget(cost)) for cost in (6e-5, COST, 4e-4)]
    spent = [plan.expected["cost_usd"] for plan in plans]
    assert spent == sorted(spent)
    assert plans[-1].expected["accuracy"] > plans[0].expected["accuracy"]
    assert complete().at(Budget()).prices == (0, 0)


def test_a_budget_of_seconds_has_a_price_too() -> None:
    free = complete().at(Budget(4e-4))
    limit = 0.7 * free.expected["latency_s"]
    plan = free.at(Budget(4e-4, limit))
    assert plan.prices[1] > 0
    assert 0.8 * limit < plan.expected["latency_s"] <= limit
    assert plan.expected["cost_usd"] <= 4e-4


@pytest.mark.parametrize("share", [0.5, 0.6, 0.7, 0.8, 0.9])
def test_two_budgets_are_aimed_at_as_one_is(share: float) -> None:
    """A replay uses 97 % of either at most: on other questions it is as likely to be more."""
    for cost in (COST, 2 * COST, 4e-4):
        limit = share * complete().at(Budget(cost)).expected["latency_s"]
        plan = complete().at(Budget(cost, limit))
        assert plan.expected["latency_s"] <= 0.97 * limit
        assert plan.expected["cost_usd"] <= 0.97 * cost


def test_strict_budgets_are_aimed_lower() -> None:
    strict = complete().at(Budget(COST, strict=True))
    assert strict.predicted.usd.high <= COST * 1.01 < complete().predicted.usd.high
    assert strict.prices[0] > complete().prices[0]
    half = complete().at(Budget(COST, margin=0.6))  # a stated margin is taken as it is
    assert half.expected["cost_usd"] <= 0.6 * COST


def test_committees_leave_gaps_and_a_loop_is_planned_from_them() -> None:
    plan = gaps()
    assert not plan.loop.table.answered.all()
    assert len(plan.loop.llms) == 3 * len(THREE)  # both roles, and a decision agent that reads
    assert plan.feasible
    assert plan.expected["cost_usd"] <= 6e-4
    assert plan.expected["calls"] >= 1
    assert all(use.stands is None for use in loop_uses(plan))


def test_means_over_few_questions_are_as_uncertain_as_single_questions_make_them() -> None:
    """Of a calibration with gaps: which answers come, and how long they are, is drawn."""
    plan = gaps().at(Budget(6e-4), queries=40)
    [usd, _], loop = plan.loop.replay.deviations(*plan.prices), plan.loop  # type: ignore[union-attr]
    square = np.exp(loop.luck[0]) * (usd**2 + plan.replayed.usd**2)
    sd = np.sqrt(square.mean() - plan.replayed.usd.mean() ** 2)
    wide = 2 * 1.645 * sd * np.sqrt(1 / 40 + 1 / len(usd))
    predicted = plan.predicted.usd
    assert 0.85 * wide < predicted.high - predicted.low < 1.15 * wide
    free = replace(loop.table, usd=np.zeros_like(loop.table.usd))
    assert replace(loop, table=free).luck[0] == 0
    assert loop.luck[1] > 0


def test_intervals_are_the_same_in_other_units() -> None:
    """LLMs on this machine cost millionths of a dollar."""
    plan = gaps().at(Budget(6e-4))
    loop, reading, bills = plan.loop, plan.loop.reading, plan.loop.bills
    assert reading is not None
    assert bills is not None
    tiny = replace(
        loop,
        bills=(1e-5 * bills[0], bills[1]),
        reading=replace(reading, usd_read=1e-5 * reading.usd_read),
        lambda_tok=1e5 * loop.lambda_tok,
    )
    dear, cheap = predict_loop(loop).usd, predict_loop(tiny).usd
    assert 1e5 * cheap.low == pytest.approx(dear.low)
    assert 1e5 * cheap.high == pytest.approx(dear.high)


@pytest.mark.parametrize("made", [complete, gaps])
def test_a_file_restores_problems_and_prices(made, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    plan: LoopPlan = made()
    plan.write(tmp_path / "loops.json")
    again = LoopPlan.read(tmp_path / "loops.json")
    assert again.prices == plan.prices
    assert again.budget == dict(plan.budget)
    pairs = zip(plan.loop.problems(questions()), again.loop.problems(questions()), strict=True)
    for one, other in pairs:
        assert one.names == other.names
        assert one.model == other.model
        assert one.families == other.families
        assert other.accuracy == pytest.approx(one.accuracy, abs=1e-4)
        assert other.usd == pytest.approx(one.usd, rel=1e-4)
    assert again.expected["cost_usd"] == pytest.approx(plan.expected["cost_usd"], rel=1e-3)
    cheaper = again.at(Budget(0.8 * float(plan.budget["cost_usd"] or 0)))
    assert cheaper.expected["cost_usd"] < plan.expected["cost_usd"]


def test_a_question_of_an_unknown_kind_gets_the_candidates_of_all() -> None:
    loop = complete().loop
    strange = replace(questions(), kinds=("poetry",) * QUESTIONS)
    for problem in loop.problems(strange, [4] * QUESTIONS):
        assert problem.names == tuple(loop.llms[m] for m in loop.chosen[""])
        assert problem.model.spread == loop.answers.pooled.spread
        assert ((problem.accuracy > 0) & (problem.accuracy < 1)).all()


def test_one_llm_is_asked_once_and_stands() -> None:
    plan = LoopPlan.of(calibration("complete", THREE[:1]), Budget(1e-3))
    assert plan.expected["calls"] == 1
    assert plan.expected["accuracy"] == pytest.approx(plan.loop.table.right.mean())


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cost_usd: got 1e-09; allowed: at least \$"):
        complete().at(Budget(1e-9))
    with pytest.raises(ConfigError, match=r"latency_s: got 0.01; allowed: at least .* s"):
        complete().at(Budget(COST, 0.01))
    with pytest.raises(ConfigError, match="quantile"):
        complete().at(Budget(COST, 9.0, quantile=0.9))
    nearest = LoopPlan.of(calibration(), Budget(1e-9), nearest=True)
    assert not nearest.feasible
    assert nearest.refusal is not None
    assert nearest.expected["calls"] == 1
    (tmp_path / "x.json").write_text('{"format": "abgnn loop plan 1"}')
    with pytest.raises(ConfigError, match="'planner' is missing"):
        LoopPlan.read(tmp_path / "x.json")


def test_the_least_that_is_named_will_do() -> None:
    with pytest.raises(ConfigError) as refused:
        complete().at(Budget(1e-9))
    least = float(str(refused.value).split("at least $")[1].split(" ")[0])
    assert complete().at(Budget(least)).feasible


def test_a_calibration_without_keys_says_what_would_do() -> None:
    old = replace(calibration(), observed=replace(calibration().observed, key=None, form=None))
    with pytest.raises(ConfigError, match=r"'no keys'; allowed: with the keys of answers"):
        LoopPlan.of(old, Budget(COST))
    empty = calibration().observed.rows(np.zeros(len(calibration().observed), dtype=bool))
    nobody: Calibration = replace(calibration(), observed=empty)
    with pytest.raises(ConfigError, match="calls with their questions"):
        LoopPlan.of(nobody, Budget(COST))


def test_an_llm_that_always_says_the_same_is_planned_for() -> None:
    known = calibration()
    observed = known.observed
    first = observed.backbone == 0
    assert observed.key is not None
    stuck = replace(
        observed,
        key=np.where(first, 0, observed.key + 1),
        right=np.where(first, 0.0, observed.right),
    )
    plan = LoopPlan.of(replace(known, observed=stuck), Budget(COST))
    share = {use.name: use.stands for use in loop_uses(plan)}
    assert sum(of or 0 for name, of in share.items() if known.profile.names[0] in name) < 0.2
