"""Plans by question: prices that keep budgets, one file, what is foretold."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from abgnn.errors import ConfigError
from abgnn.planning import Budget, QuestionPlan, Questions
from abgnn.planning.calibration import Calibration
from tests.planning.question_world import Planted, planted, profile, questions, template


@pytest.fixture(scope="module")
def world() -> Planted:
    return planted()


@pytest.fixture(scope="module")
def known(world: Planted) -> Calibration:
    return Calibration(
        "simulated", "general", profile(), template(), ((0, 1, 2),), world.observed, 120, 0.1,
        questions=world.questions, role_embedding=world.role_embedding, encoder="offline",
    )  # fmt: skip


@pytest.mark.parametrize("cost", [2e-4, 6e-4, 1.5e-3])
def test_prices_keep_a_budget_and_questions_get_different_teams(
    known: Calibration, cost: float
) -> None:
    plan = QuestionPlan.of(known, Budget(cost))
    assert plan.feasible
    assert 0.75 * cost < plan.expected["cost_usd"] <= cost
    fresh, _ = questions(200, 4)
    chosen, made = plan.choose(fresh), plan.planner.forecasts(fresh)
    used = made.usd[np.arange(200), chosen].mean()
    assert 0.75 * cost < used < 1.15 * cost
    law = np.array(fresh.kinds) == "law"
    cheap = [plan.planner.designs[d].backbones == {0} for d in chosen]
    assert np.mean(np.array(cheap)[law]) > np.mean(np.array(cheap)[~law]) or cost < 3e-4
    assert plan.prices[0] > 0 == plan.prices[1]
    assert plan.predicted.usd.low < plan.expected["cost_usd"] < plan.predicted.usd.high


def test_more_money_is_expected_to_buy_more(known: Calibration) -> None:
    first = QuestionPlan.of(known, Budget(2e-4))
    accuracies = [first.at(Budget(c)).expected["accuracy"] for c in (2e-4, 5e-4, 1e-3, 3e-3)]
    assert accuracies == sorted(accuracies)
    strict = QuestionPlan.of(known, Budget(6e-4, strict=True))
    assert strict.predicted.usd.high <= 6e-4 * 1.001
    free = first.at(Budget())
    assert free.prices == (0, 0)


def test_questions_that_look_alike_are_within_both_budgets(known: Calibration) -> None:
    """Without any call and with one text, all questions are torn between two designs at once."""
    alike = replace(
        known,
        observed=known.observed.rows(np.zeros(len(known.observed), dtype=bool)),
        questions=replace(
            world_questions(known), embedding=np.ones((120, 12)) / 12**0.5, kinds=("",) * 120
        ),
    )
    for budget in (Budget(6e-4, 5.0), Budget(1.2e-4, 3.0), Budget(3e-4)):
        plan = QuestionPlan.of(alike, budget)
        assert plan.feasible
        assert plan.expected["cost_usd"] <= (budget.cost_usd or 1)
        assert plan.expected["latency_s"] <= (budget.latency_s or 1e3)


def world_questions(known: Calibration) -> Questions:
    assert known.questions is not None
    return known.questions


def test_a_file_restores_it(known: Calibration, tmp_path: Path) -> None:
    plan = QuestionPlan.of(known, Budget(6e-4, 8.0))
    plan.write(tmp_path / "plan.json")
    again = QuestionPlan.read(tmp_path / "plan.json")
    fresh, _ = questions(50, 4)
    assert (again.choose(fresh) == plan.choose(fresh)).all()
    assert again.expected == pytest.approx(plan.expected, rel=1e-4)
    assert again.to_dict()["budget"] == plan.to_dict()["budget"]
    assert [u.design for u in again.used()] == [u.design for u in plan.used()]
    assert sum(u.share for u in plan.used()) == pytest.approx(1)
    other = again.at(Budget(1.5e-3)).expected["cost_usd"]  # its budgets can be changed
    assert other == pytest.approx(plan.at(Budget(1.5e-3)).expected["cost_usd"], rel=0.02)


def test_a_calibration_keeps_its_questions(known: Calibration, tmp_path: Path) -> None:
    known.save(tmp_path / "calibration.json")
    again = Calibration.load(tmp_path / "calibration.json")
    assert again.questions is not None
    assert known.questions is not None
    assert again.questions.kinds == known.questions.kinds
    assert again.questions.embedding == pytest.approx(known.questions.embedding, abs=1e-6)
    assert again.questions.by == "area"
    assert again.encoder == "offline"


def test_what_cannot_be_is_refused(known: Calibration, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cost_usd: got 1e-09; allowed: at least \$"):
        QuestionPlan.of(known, Budget(1e-9))
    with pytest.raises(ConfigError, match="quantile"):
        QuestionPlan.of(known, Budget(1e-3, 9.0, quantile=0.9))
    with pytest.raises(ConfigError, match="with the questions"):
        replace(known, questions=None).by_question()
    plan = QuestionPlan.of(known, Budget(6e-4))
    with pytest.raises(ConfigError, match="backbone"):
        plan.check(["small", "middle"])
    data = plan.to_dict()
    del data["prices"]
    (tmp_path / "broken.json").write_text(json.dumps(data))
    with pytest.raises(ConfigError, match="'prices' is missing"):
        QuestionPlan.read(tmp_path / "broken.json")
