"""`System`: the same answers from threads, loops and streams; budgets of single questions."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event, Semaphore
from typing import Any

import pytest

import abgnn
from abgnn.data.catalogue import Catalogue
from abgnn.data.outcome import CallRecord, Outcome
from abgnn.data.plan import Plan
from abgnn.data.query import OpenQuestion, Query
from abgnn.errors import ConfigError
from abgnn.experiments.trained import Trained, from_config
from abgnn.graph.base_mas import BaseMAS
from abgnn.models import AgentBalance, FixedGraph
from abgnn.planning import Budget
from abgnn.planning.calibration import Calibration
from abgnn.planning.plan_file import PlanFile
from abgnn.planning.planner import plan, strata_of
from abgnn.rollout import Executor, SimulatedClient
from abgnn.serve.conditioned import ConditionedPlanner
from abgnn.serve.engine import Engine
from abgnn.serve.plan_batcher import Chooser, PlanBatcher
from abgnn.serve.policy_source import PolicySource
from abgnn.serve.query_budget import QueryBudget
from abgnn.serve.query_planners import CalibratedPlanner, query_planners
from abgnn.serve.sources import Bounds
from abgnn.serve.system import System
from abgnn.training.evaluate import most_probable
from tests.rollout.helpers import Scripted, backbone

CONFIG = "simulated/general.yaml"
CHAIN = ["Knowledgeable Expert", "Wiki Searcher"]


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    with System.load(CONFIG) as made:
        yield made


def scripted(mas: BaseMAS, seconds: float) -> tuple[System, Scripted]:
    """Two role agents in a chain and the decision agent, on a client that really sleeps."""
    client = Scripted(seconds=dict.fromkeys([*CHAIN, "Decision Maker"], seconds), sleeps=True)
    small = Catalogue((backbone("small", max_tokens=100),))
    policy = FixedGraph("small", CHAIN, edges="chain")
    trained = Trained(policy, mas.with_catalogue(small), client)
    return System(PolicySource(trained.deployment, trained)), client


def facts(outcome: Outcome) -> tuple[object, ...]:
    return outcome.plan, outcome.answer, outcome.usage, outcome.cost, outcome.latency


def test_run_is_what_the_policy_plans_and_the_executor_does(system: System) -> None:
    query = Query("ask/What is a quark?", "What is a quark?", "general")
    trained = from_config(CONFIG)
    trained.policy.attach(trained.mas.table)
    [chosen] = most_probable(trained.policy, trained.mas, [query])
    with Executor(trained.client, trained.mas.catalogue, OpenQuestion()) as executor:
        [expected] = executor.run([chosen], score=False)
    assert system.plan("What is a quark?") == chosen
    assert facts(system.run("What is a quark?")) == facts(expected)
    assert (expected.error, system.label, system.budget_kind) == (None, "simulated", "bound")


def test_async_threads_and_streams_give_the_same_outcome(system: System) -> None:
    expected = facts(system.run("Why is the sky blue?"))

    async def inside_a_loop() -> list[object]:
        plain = system.run("Why is the sky blue?")  # as in a notebook
        found = await asyncio.gather(*(system.arun("Why is the sky blue?") for _ in range(5)))
        events = [event async for event in system.astream("Why is the sky blue?")]
        return [plain, *found, events]

    *outcomes, events = asyncio.run(inside_a_loop())
    assert all(facts(o) == expected for o in outcomes if isinstance(o, Outcome))
    for seen in (events, list(system.stream("Why is the sky blue?"))):
        assert isinstance(seen, list)
        kinds = [type(e) for e in seen]
        assert kinds == [Plan, *[CallRecord] * (len(seen) - 2), Outcome]
        assert facts(seen[-1]) == expected
        assert {e.role for e in seen[1:-1]} == {a.role.name for a in seen[0].agents}


def test_many_threads_share_batches(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    original = BaseMAS.batch

    def counted(mas: BaseMAS, queries: Sequence[Query], **how: bool) -> object:
        sizes.append(len(queries))
        assert threading.current_thread().name == "abgnn-plan"
        return original(mas, queries, **how)

    monkeypatch.setattr(BaseMAS, "batch", counted)
    questions = [f"How many legs have {i} spiders?" for i in range(120)]
    with ThreadPoolExecutor(40) as pool:
        outcomes = list(pool.map(system.run, questions))
    assert [o.plan.query.text for o in outcomes] == questions
    assert sum(sizes) == 120
    assert max(sizes) <= 32
    assert len(sizes) < 120


def test_a_bound_holds_for_the_single_question(system: System) -> None:
    free = system.run("What is dark matter?")
    within = system.run("What is dark matter?", cost_usd=10.0, latency_s=1e4)
    assert within.plan.budget_usd == 10.0
    assert facts(within)[1:] == facts(free)[1:]
    assert system.run("What is dark matter?", cost_usd=1e-7).kind == "budget"
    late = system.run("What is dark matter?", latency_s=1e-3)
    assert (late.kind, late.plan.deadline_s) == ("deadline", 1e-3)
    assert Plan.from_dict(late.plan.to_dict()).deadline_s == 1e-3


@pytest.mark.parametrize(
    ("field", "value"),
    [("cost_usd", 0.0), ("cost_usd", float("nan")), ("latency_s", -1), ("latency_s", True),
     ("latency_s", float("inf")), ("cost_usd", "1")],
)  # fmt: skip
def test_budgets_that_are_none(system: System, field: str, value: object) -> None:
    with pytest.raises(ConfigError, match=field):
        system.run("What?", **{field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("question", ["", "  \n", 7])
def test_questions_that_are_none(system: System, question: object) -> None:
    with pytest.raises(ConfigError, match="question"):
        system.run(question)  # type: ignore[arg-type]


def test_budgets_are_planned_from_a_calibration(calibration_file: str) -> None:
    with System.load(calibration_file, config=CONFIG, cost_usd=2e-3) as system:
        assert system.budget_kind == "planned"
        texts = [f"Which planet is number {i}?" for i in range(40)]
        mean = {}
        for usd in (2e-3, 2e-4):
            mean[usd] = sum(system.run(t, cost_usd=usd).cost for t in texts) / len(texts)
            assert mean[usd] < 1.5 * usd
        assert mean[2e-4] < mean[2e-3]
        found = plan(Calibration.load(calibration_file), Budget(2e-3))
        assert len(found.parts) <= 3
        assert system.plan(texts[0]) == system.plan(texts[0], cost_usd=2e-3)  # its own budget
        with pytest.raises(ConfigError, match=r"cost_usd.*1e-09.*at least"):
            system.run("Which?", cost_usd=1e-9)
        with pytest.raises(ConfigError, match="at least"):  # and still
            system.run("Which?", cost_usd=1e-9)


def test_a_plan_file_acts_and_budgets_bound_it(calibration_file: str, tmp_path: Path) -> None:
    known = Calibration.load(calibration_file)
    path = str(tmp_path / "plan.json")
    PlanFile.of(plan(known, Budget(1e-3)), known).write(path)
    with System.load(path, config=CONFIG) as system:
        assert system.budget_kind == "bound"
        assert system.run("What is a quark?").error is None
    with System.load(path, config=CONFIG, calibration=calibration_file) as system:
        assert system.budget_kind == "planned"


def test_a_taught_policy_changes_its_operating_point(mas: BaseMAS) -> None:
    policy = AgentBalance(conditioned=True, init="profile")
    assert policy.tradeoff is not None
    points = [[1000.0, 1e-1, 0.6, 1e-4, 5.0], [0.0, 0.0, 0.9, 1e-2, 100.0]]
    policy.tradeoff.taught = policy.tradeoff.taught.new_tensor(points)
    policy.set_tradeoff(10.0, 1e-3)
    trained = Trained(policy, mas, SimulatedClient(0))
    source = PolicySource(trained.deployment, trained)
    with System(source) as system:
        assert system.budget_kind == "taught"
        own = system.plan("What is a quark?")
        cheap = system.run("What is a quark?", cost_usd=2e-4)
        dear = system.run("What is a quark?", cost_usd=1.0)
        assert cheap.cost < dear.cost
        assert system.plan("What is a quark?") == own
    assert isinstance(query_planners(source), ConditionedPlanner)


def test_nobody_waits_nothing_is_called_and_what_is_paid_is_booked(mas: BaseMAS) -> None:
    system, client = scripted(mas, 0.0)
    client.gate = Semaphore(0)

    async def impatient() -> None:
        asked = asyncio.ensure_future(system.arun("Slow?"))
        while not client.running:
            await asyncio.sleep(0.002)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked

    asyncio.run(impatient())
    client.gate.release(9)
    system.close()
    called = [name for name, _ in client.told]
    assert called == CHAIN[:1]  # those after it are not begun
    assert client.closed == 1


def test_a_stream_that_is_left_ends_there(mas: BaseMAS) -> None:
    system, client = scripted(mas, 0.0)
    client.gate = Semaphore(1)  # the first call ends, the second one is under way
    with system:
        for event in system.stream("Slow?"):
            if isinstance(event, CallRecord):
                break
        client.gate.release(9)
    assert "Decision Maker" not in [name for name, _ in client.told]


def test_close_awaits_what_was_asked(mas: BaseMAS) -> None:
    system, _ = scripted(mas, 0.05)
    answering = system.start("Slow?")
    system.close()
    assert answering.outcome.result(0).error is None
    with pytest.raises(RuntimeError, match="closed"):
        system.run("More?")
    system.close()


def test_an_interrupt_ends_after_the_calls_under_way(mas: BaseMAS) -> None:
    system, client = scripted(mas, 0.1)
    answering = system.start("Slow?")
    system.__exit__(KeyboardInterrupt)
    outcome = answering.outcome.result(0)
    assert outcome.kind == "cancelled"
    assert len(outcome.calls) <= len(client.told) + 1
    assert outcome.cost == pytest.approx(sum(c.cost for c in outcome.calls))


def test_hard_limits_of_every_question(mas: BaseMAS, tmp_path: Path) -> None:
    recording = str(tmp_path / "calls.sqlite")
    with System.load(CONFIG, bounds=Bounds(recording=recording)) as system:
        first = system.run("What is a quark?")
        again = system.run("What is a quark?")
    assert first.paid > 0
    assert (again.paid, again.answer) == (0.0, first.answer)  # recorded
    with System.load(CONFIG, bounds=Bounds(usd=1e-8)) as system:
        assert system.run("What is a quark?").kind == "budget"


def test_a_chooser_that_fails_tells_those_who_asked() -> None:
    batcher = PlanBatcher()

    def broken(queries: Sequence[Query]) -> list[Plan]:
        raise ValueError("no plan today")

    query = Query("q", "Q?", "general")
    with pytest.raises(ValueError, match="no plan today"):
        batcher.submit(broken, query).result(5)
    fine = Plan(query, (), (), 0)
    with pytest.raises(ValueError, match="shorter"):  # a plan too few
        batcher.submit(lambda queries: [], query).result(5)
    assert batcher.submit(lambda queries: [fine] * len(queries), query).result(5) is fine
    batcher.close()
    with pytest.raises(RuntimeError, match="closed"):
        batcher.submit(broken, query)


class Forecaster:
    """Notes which questions it is asked together, once it may."""

    def __init__(self) -> None:
        self.begun, self.may, self.asked = Event(), Event(), list[list[str]]()

    def wait(self, queries: Sequence[Query]) -> list[None]:
        self.begun.set()
        self.may.wait(60)
        return [None] * len(queries)

    def forecasts(self, queries: Sequence[Query]) -> list[str]:
        self.asked.append([query.id for query in queries])
        return [query.id for query in queries]


def test_forecasts_by_the_same_chooser_are_made_together() -> None:
    batcher, one, other = PlanBatcher(), Forecaster(), Forecaster()
    queries = [Query(name, "Q?", "general") for name in "abc"]
    first = batcher.submit(one.wait, queries[0])
    assert one.begun.wait(60)
    made = [batcher.submit(one.forecasts, query) for query in queries]
    alone = batcher.submit(other.forecasts, queries[0])
    one.may.set()  # until now the thread has waited: the others are all in the queue
    assert [future.result(60) for future in made] == ["a", "b", "c"]
    assert (first.result(60), alone.result(60)) == (None, "a")
    assert (one.asked, other.asked) == ([["a", "b", "c"]], [["a"]])
    batcher.close()


def test_remembered_budgets_are_planned_once(
    calibration_file: str, mas: BaseMAS, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = CalibratedPlanner(Calibration.load(calibration_file), mas.template, None)
    first = planned.of(QueryBudget(1e-3))
    assert planned.of(QueryBudget(1e-3)) is first
    first.result(60)
    for i in range(40):  # those asked last are kept
        monkeypatch.setattr(planned, "_plan", lambda budget: first.result())
        planned.of(QueryBudget(1e-3 + 1e-5 * (i + 1))).result(60)
    assert planned.of(QueryBudget(1e-3)) is not first
    planned.close()


def test_one_search_serves_all_budgets(
    calibration_file: str, mas: BaseMAS, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []
    monkeypatch.setattr(
        "abgnn.serve.query_planners.strata_of", lambda *args: made.append(1) or strata_of(*args)
    )
    known = Calibration.load(calibration_file)
    planned = CalibratedPlanner(known, mas.template, None)
    for usd in (5e-4, 1e-3, 1e-9):
        asked = planned.of(QueryBudget(usd))
        assert (asked.exception(60) is None) == (usd > 1e-6)
        assert planned.of(QueryBudget(usd)) is asked  # refusals are remembered, too
    assert made == [1]
    alone = PlanFile.of(plan(known, Budget(1e-3)), known)  # a search of its own
    chooser: Any = planned.of(QueryBudget(1e-3)).result()
    assert chooser.plan_file.parts == alone.parts
    planned.close()


def test_who_waits_for_a_plan_is_told_that_the_system_closed() -> None:
    class Undecided:
        kind = "planned"
        chosen: Future[Chooser] = Future()

        def of(self, budget: QueryBudget) -> Future[Chooser]:
            return self.chosen

    undecided = Undecided()
    engine = Engine(undecided, None)  # type: ignore[arg-type]
    planned = engine.plan(Query("q", "Q?", "general"), QueryBudget())
    undecided.chosen.cancel()
    with pytest.raises(RuntimeError, match="closed"):
        planned.result(5)


def test_sources_that_do_not_fit(calibration_file: str, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text("[]")
    for source, config, said in (
        ("nowhere.ckpt", None, "existing file"),
        (calibration_file, None, "config"),
        (CONFIG, CONFIG, "none"),
        (str(other), CONFIG, "abgnn plan"),
        (calibration_file, "live/smollm2.yaml", "backbone"),
    ):
        with pytest.raises(ConfigError, match=said):
            System.load(source, config=config)
    with pytest.raises(ConfigError, match="calibration"):
        System.load(calibration_file, config=CONFIG, calibration=calibration_file)


def test_the_package_stays_light() -> None:
    assert abgnn.System is System
    code = "import abgnn, sys; assert 'torch' not in sys.modules; abgnn.Nothing"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "AttributeError: No abgnn attribute Nothing" in done.stderr


def test_a_plan_never_outlives_its_deadline(mas: BaseMAS) -> None:
    system, client = scripted(mas, 0.2)
    with system:
        outcome = system.run("Slow?", latency_s=0.3)
        base = system.plan("Slow?")
    assert outcome.latency <= 0.3 + 1e-6
    executor = Executor(client, system.deployment.mas.catalogue)
    with executor, pytest.raises(ConfigError, match="deadline_s"):
        executor.run([replace(base, deadline_s=0.0)])
