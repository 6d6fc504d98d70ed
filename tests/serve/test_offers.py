"""What a budget buys, the system's operating points, and the money that is left."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from statistics import mean

import pytest

from abgnn import System
from abgnn.errors import ConfigError
from abgnn.experiments.trained import Trained
from abgnn.graph.base_mas import BaseMAS
from abgnn.models import AgentBalance
from abgnn.models.questions import questions_of
from abgnn.planning import Budget, QuestionPlan
from abgnn.planning.calibration import Calibration
from abgnn.planning.offered import Expected, distinct
from abgnn.planning.plan_file import PlanFile
from abgnn.planning.planner import plan
from abgnn.rollout import Caps, SimulatedClient
from abgnn.rollout.ledger.base import Account
from abgnn.rollout.settings import Recording, RolloutSettings
from abgnn.serve import Bounds, Spending
from abgnn.serve.offer import offer_at
from abgnn.serve.policy_source import PolicySource
from abgnn.serve.query_budget import QueryBudget
from abgnn.serve.reading import QuestionChooser
from abgnn.serve.recipe import SourceFiles, SystemRecipe
from datamodules import QuickQA
from tests.serve.frontiers import check_frontier, known

CONFIG = "simulated/general.yaml"
QUESTION = "Which treaty ended the Thirty Years' War?"


def test_a_calibration_says_what_budgets_buy(calibration_file: str) -> None:
    with System.load(calibration_file, config=CONFIG) as system:
        points = check_frontier(system)
        assert len(points) > 4
        poor, rich = (system.offer(QUESTION, cost_usd=usd) for usd in (1e-4, 5e-3))
        assert known(poor).accuracy < known(rich).accuracy
        assert known(poor).usd <= 1e-4
        interval = known(rich).interval
        assert interval is not None
        assert known(rich).accuracy in interval
        assert known(rich).label == "simulated"
        made = system.plan(QUESTION, cost_usd=1e-4)
        assert poor.team is not None
        assert poor.team.agents == tuple((a.role.name, a.backbone) for a in made.agents)
        assert poor.to_dict()["plan"]["decision"] == made.decision
        with pytest.raises(ConfigError, match="at least"):
            system.offer(cost_usd=1e-9)
        with pytest.raises(ConfigError, match="question"):
            system.offer(" ")
        assert system.spending().calls == 0


def test_a_question_has_a_forecast_of_its_own_where_plans_read_it(
    calibration: Calibration, tmp_path: Path
) -> None:
    data = QuickQA()
    data.setup("test")
    asked = data.queries("test")[:40]
    QuestionPlan.of(calibration, Budget()).write(tmp_path / "plan.json")
    with System.load(tmp_path / "plan.json", config=CONFIG) as system:
        rich, poor = (
            [system.offer(query, cost_usd=usd).forecast for query in asked] for usd in (1e-3, 2e-4)
        )
        assert system.offer(cost_usd=1e-3).forecast is None  # of no question
        chooser = system._engine.query_planners.of(QueryBudget(1e-3)).result()
        assert isinstance(chooser, QuestionChooser)
        plan, one = chooser.plan, system.offer(asked[0], cost_usd=1e-3)
        questions = questions_of(chooser.mas, asked[:1], plan.by)
        assert isinstance(plan, QuestionPlan)
        [design] = plan.choose(questions)
        by_hand = plan.planner.forecasts(questions)
    assert one.forecast is not None
    assert one.forecast.accuracy == pytest.approx(by_hand.accuracy[0, design])
    assert one.to_dict()["forecast"]["cost_usd"] == pytest.approx(by_hand.usd[0, design])
    assert one.team is not None
    assert len(one.team.agents) == len(plan.planner.designs[design].backbones)
    assert len({forecast.accuracy for forecast in rich if forecast}) > 1
    assert mean(f.accuracy for f in rich if f) > mean(f.accuracy for f in poor if f)
    assert mean(f.usd for f in rich if f) == pytest.approx(known(one).usd, rel=0.4)


def test_a_calibration_without_questions(calibration: Calibration, tmp_path: Path) -> None:
    path = tmp_path / "blind.json"
    replace(calibration, questions=None, role_embedding=None).save(path)
    with System.load(str(path), config=CONFIG) as system:
        assert len(check_frontier(system)) > 2
        assert known(system.offer(cost_usd=1e-3)).interval is not None
        assert system.offer(QUESTION, cost_usd=1e-3).forecast is None


def test_what_knows_nothing_says_so(calibration: Calibration, tmp_path: Path) -> None:
    with System.load(CONFIG) as system:  # an untrained policy
        offer = system.offer(QUESTION, cost_usd=1e-3)
        assert (offer.kind, offer.expected, system.frontier()) == ("bound", None, ())
        assert offer.team is not None
    path = tmp_path / "plan.json"
    PlanFile.of(plan(calibration, Budget(1e-3)), calibration).write(path)
    with System.load(str(path), config=CONFIG) as system:  # one way of answering
        [only] = system.frontier()
        assert only == replace(system.offer(cost_usd=1.0), budget=only.budget)
        assert known(only).usd <= 1e-3


def test_a_plan_by_question_states_its_own_budget(calibration: Calibration, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    made = QuestionPlan.of(calibration, Budget(1e-3))
    made.write(path)
    with System.load(str(path), config=CONFIG) as system:
        assert known(system.offer()).accuracy == pytest.approx(made.expected["accuracy"], abs=1e-3)


def test_a_taught_policy_offers_its_operating_points(mas: BaseMAS) -> None:
    policy = AgentBalance(conditioned=True, init="profile")
    assert policy.tradeoff is not None
    points = [
        [1000.0, 0.5, 0.6, 1e-4, 5.0],
        [0.0, 0.0, 0.9, 1e-2, 100.0],
        [1.0, 0.0, 0.5, 1.0, 9e3],
    ]
    policy.tradeoff.taught = policy.tradeoff.taught.new_tensor(points)
    policy.set_tradeoff(10.0, 1e-3)
    trained = Trained(policy, mas, SimulatedClient(0))
    with System(PolicySource(trained.deployment, trained)) as system:
        offers = check_frontier(system)
        assert [round(known(offer).accuracy, 3) for offer in offers] == [0.6, 0.9]
        assert system.offer().expected is None  # its own point was not among the lessons
        cheap = system.offer(QUESTION, cost_usd=2e-4)
        assert known(cheap).accuracy == pytest.approx(0.6)
        assert system.plan(QUESTION, cost_usd=1.0) != system.plan(QUESTION, cost_usd=2e-4)
        with pytest.raises(ConfigError, match="at least"):
            system.offer(cost_usd=1e-6)


def test_points_that_hardly_differ_are_one() -> None:
    cheap, alike, faster, better, best = (
        Expected(0.6, 1.0, 9.0),
        Expected(0.603, 1.1, 9.0),
        Expected(0.6, 1.2, 5.0),
        Expected(0.7, 2.0, 9.0),
        Expected(0.702, 3.0, 9.0),
    )
    assert distinct([cheap, alike, faster, better, best]) == (cheap, faster, better, best)
    assert distinct([]) == ()


def test_budgets_of_points_are_rounded_up() -> None:
    offer = offer_at(Expected(0.5, 3.17e-4, 12.0), "planned")
    assert (offer.budget.cost_usd, offer.budget.latency_s) == (3.4e-4, 13.0)
    free = offer_at(Expected(0.5, 0.0, 12.0), "planned")  # LLMs without a price
    assert free.budget.cost_usd is None
    assert offer_at(Expected(0.5, 1.0, 12.0), "bound").budget.cost_usd is None


def test_a_worker_without_a_recording_knows_its_own_spending_alone(tmp_path: Path) -> None:
    for n, path, scope in ((1, None, "run"), (2, None, "process"), (2, tmp_path / "calls", "run")):
        bounds = Bounds(recording=None if path is None else str(path))
        with SystemRecipe(SourceFiles(CONFIG), bounds=bounds).system(n) as system:
            assert system.spending().to_dict()["scope"] == scope


def test_spending_is_of_the_run_and_its_caps(tmp_path: Path) -> None:
    settings = RolloutSettings(
        recording=Recording(run="mine"),
        caps=Caps(query_usd=0.5, run_usd=10.0, phase_usd={"run": 4.0, "train": 1.0}, max_tokens=9),
    )
    pico = 10**12
    accounts = [
        Account("mine", "run", 3, 1 * pico, pico // 2, pico // 4, pico // 4),
        Account("mine", "train", 2, 3 * pico, 0, 0, 0),
        Account("others", "run", 9, 9 * pico, 0, 0, 0),
    ]
    made = Spending.of(settings, accounts)
    assert (made.calls, made.certain_usd, made.worst_case_usd, made.reserved_usd) == (
        5, 4.0, 0.75, 0.25
    )  # fmt: skip
    assert made.left_usd == 2.0  # of the phase; the run has 5
    assert made.to_dict()["phase_cap_usd"] == {"run": 4.0, "train": 1.0}
    assert Spending.of(RolloutSettings(), accounts).left_usd is None
    recorded = replace(settings, recording=Recording("shared.sqlite", run="mine"))
    assert Spending.of(recorded, accounts, processes=2).scope == "run"
    bounds = Bounds(recording=str(tmp_path / "calls.sqlite"), usd=1.0)
    with System.load(CONFIG, bounds=bounds) as system:
        cost = system.run("What is a quark?").cost
        spent = system.spending()
    assert spent.certain_usd == pytest.approx(cost)
    assert (spent.query_cap_usd, spent.left_usd, spent.reserved_usd) == (1.0, None, 0.0)
