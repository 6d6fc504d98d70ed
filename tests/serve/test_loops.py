"""`System` with closed loops: from a calibration, streamed, paced."""

from __future__ import annotations

from pathlib import Path

import pytest

from abgnn import System
from abgnn.data import CallRecord, LoopStep, Outcome, Plan, Query
from abgnn.experiments.calibrate import calibrate_experiment
from abgnn.experiments.experiment import build
from abgnn.models.programs import ClosedLoopProgram
from abgnn.planning import Budget, LoopPlan
from abgnn.serve.paced import PacedLoops
from datamodules import QuickQA
from tests.serve.frontiers import check_frontier

CONFIG = "simulated/general.yaml"
BUDGET = 8e-4


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Path:
    experiment = build([CONFIG], ["--trainer.logger=false"])
    path = tmp_path_factory.mktemp("complete") / "complete.json"
    calibrate_experiment(experiment, 440, design="complete").save(path)
    return path


@pytest.fixture(scope="module")
def loops(complete: Path) -> Path:
    from abgnn.planning.calibration import Calibration

    path = complete.with_name("loops.json")
    LoopPlan.of(Calibration.load(complete), Budget(BUDGET)).write(path)
    return path


@pytest.fixture(scope="module")
def asked() -> list[Query]:
    data = QuickQA()
    data.setup("test")
    return data.queries("test")[:30]


def test_a_complete_calibration_answers_by_closed_loops(complete: Path, asked: list[Query]) -> None:
    with System.load(complete, config=CONFIG) as system:
        plan = system.plan(asked[0], cost_usd=BUDGET)
        assert isinstance(plan.program, ClosedLoopProgram)
        outcome = system.run(asked[0], cost_usd=BUDGET)
    assert outcome.error is None
    assert outcome.steps[-1].asks == ()


def test_every_budget_gets_teams_or_loops(calibration_file: str, asked: list[Query]) -> None:
    """From committees: loops take longer than one call, so seconds may leave none."""
    with System.load(calibration_file, config=CONFIG) as system:
        loop = system.plan(asked[0], cost_usd=2e-3)
        team = system.plan(asked[0], cost_usd=2e-3, latency_s=6)
    assert isinstance(loop.program, ClosedLoopProgram)
    assert team.program is None


def test_a_loop_has_a_forecast_of_every_question(loops: Path, asked: list[Query]) -> None:
    with System.load(loops, config=CONFIG) as system:
        forecasts = [system.offer(query).forecast for query in asked]
        expected = system.offer().expected
        programs = [system.plan(query).program for query in asked]
    assert expected is not None
    for forecast, program in zip(forecasts, programs, strict=True):
        assert forecast is not None
        assert isinstance(program, ClosedLoopProgram)
        cheapest = min(program.problem.usd)
        assert 0 < forecast.accuracy < 1
        assert forecast.usd >= cheapest * (1 - 1e-9)  # whoever answers is asked
    assert len({forecast.accuracy for forecast in forecasts if forecast}) > 1
    mean = sum(forecast.usd for forecast in forecasts if forecast) / len(asked)
    assert mean == pytest.approx(expected.usd, rel=0.5)


def test_a_saved_loop_plan_answers_the_same(
    loops: Path, asked: list[Query], tmp_path: Path
) -> None:
    with System.load(loops, config=CONFIG) as first:
        expected = [first.plan(query) for query in asked[:5]]
        first.save_pretrained(tmp_path / "saved")
    with System.from_pretrained(tmp_path / "saved") as again:
        assert [again.plan(query) for query in asked[:5]] == expected
        assert again.run(asked[0]).error is None


def test_a_stream_tells_every_decision_before_the_next_call(
    loops: Path, asked: list[Query]
) -> None:
    with System.load(loops, config=CONFIG) as system:
        events = list(system.stream(asked[1]))
    plan, *between, outcome = events
    assert isinstance(plan, Plan)
    assert isinstance(outcome, Outcome)
    assert isinstance(between[0], LoopStep)
    assert isinstance(between[-1], LoopStep)
    calls = [event for event in between if isinstance(event, CallRecord)]
    assert len(calls) == len(outcome.calls)
    assert outcome.steps == tuple(event for event in between if isinstance(event, LoopStep))


def test_pace_follows_what_was_spent(loops: Path) -> None:
    with System.load(loops, config=CONFIG) as system:
        mas = system.deployment.mas
        paced = PacedLoops(LoopPlan.read(loops), mas.for_users())  # type: ignore[attr-defined]
    start = paced.prices[0]
    for _ in range(10):
        paced.spent(1.6 * BUDGET, 1.0)
    assert paced.prices[0] > start
    for _ in range(30):
        paced.spent(0.2 * BUDGET, 1.0)
    assert paced.prices[0] < start


def test_a_system_tells_its_pace_what_questions_cost(
    loops: Path, asked: list[Query], monkeypatch: pytest.MonkeyPatch
) -> None:
    spent: list[tuple[float, float]] = []
    monkeypatch.setattr(PacedLoops, "spent", lambda _, *used: spent.append(used))
    with System.load(loops, config=CONFIG) as system:
        outcomes = [system.run(query) for query in asked[:5]]
    assert spent == [(o.cost, o.latency) for o in outcomes]


def test_loops_say_what_budgets_buy(loops: Path, asked: list[Query]) -> None:
    with System.load(loops, config=CONFIG) as system:
        assert len(check_frontier(system)) > 2
        offer = system.offer(asked[0])
        assert offer.team is not None
        assert offer.team.adaptive


def test_a_budget_that_no_loop_can_keep_is_refused(loops: Path, asked: list[Query]) -> None:
    from abgnn.errors import ConfigError

    with (
        System.load(loops, config=CONFIG) as system,
        pytest.raises(ConfigError, match=r"cost_usd: got 1e-09; allowed: at least \$"),
    ):
        system.plan(asked[0], cost_usd=1e-9)
