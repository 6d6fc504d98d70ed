"""Graph networks that the planner teaches, as rows of a comparison."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from abgnn.errors import ConfigError
from abgnn.experiments.compare.budgets import budgets_of_rows
from abgnn.experiments.compare.config import Comparison
from abgnn.experiments.compare.controls import PLAN_NET, TAUGHT, TAUGHT_BALANCE
from abgnn.experiments.compare.job import QUIET, Job, Result, read_result, run_job, write_result
from abgnn.experiments.compare.run import plan_jobs
from abgnn.experiments.experiment import Experiment, build
from abgnn.experiments.taught import at_budget
from abgnn.models import AgentBalance, PlanNet, Policy
from abgnn.models.at_point import AtPoint
from abgnn.planning import Budget
from abgnn.planning.calibration import Calibration
from abgnn.training.course import AGENT_BALANCE, Course
from abgnn.training.evaluate import most_probable
from abgnn.training.lessons import teach

HEADLINES = ("general", "math", "code", "live")
POINTS = ["cheapest", "0.35 mUSD", "0.5 mUSD", "5 mUSD", "14 s", "20 s", "no budget"]


def comparison(*kinds: str, **changes: Any) -> Comparison:
    few = {"data.init_args.n_train": 12, "data.init_args.n_val": 0, "data.init_args.n_test": 8}
    content: dict[str, Any] = {
        "fit": ["simulated/general.yaml"],
        "set": few,
        "ours": kinds[0],
        "base": "single LLM",
        "seeds": [3],
        "train_calls": 120,
        "cost_budgets": [5e-4, 5e-3],
        "latency_budgets": [20],
        "methods": {kind: {"plain": kind} for kind in (*kinds, "single LLM")},
    }
    return Comparison.read({**content, **changes}, "small.yaml")


@pytest.fixture(scope="module")
def finished() -> dict[str, tuple[Job, Result]]:
    """Planner and both networks, each a job of its own; AgentBalance has fewer lessons."""
    _, jobs = plan_jobs(comparison(*TAUGHT, "planner"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("abgnn.training.teacher.AGENT_BALANCE", replace(AGENT_BALANCE, steps=20))
        return {job.method: (job, run_job(job)) for job in jobs if job.method != "single LLM"}


def test_they_learn_from_the_planners_calls(finished: dict[str, tuple[Job, Result]]) -> None:
    results = [result for _, result in finished.values()]
    assert len({(r.train_calls, r.train_questions) for r in results}) == 1
    assert results[0].train_calls == pytest.approx(120, rel=0.15)
    assert results[0].train_questions == 12


@pytest.mark.parametrize("kind", TAUGHT)
def test_a_point_for_every_budget(kind: str, finished: dict[str, tuple[Job, Result]]) -> None:
    _, result = finished[kind]
    rows = {row.name: row for row in result.rows}
    assert list(rows) == [row.name for row in finished["planner"][1].rows] == POINTS
    assert rows["cheapest"].cost_usd == min(row.cost_usd for row in result.rows)
    assert rows["0.5 mUSD"].cost_usd < 2 * 5e-4  # of eight questions
    assert rows["20 s"].latency_s < 2 * 20
    assert rows["no budget"].cost_usd > 2 * rows["0.35 mUSD"].cost_usd
    assert all(row.failed == 0 for row in result.rows)


@pytest.mark.parametrize("kind", TAUGHT)
def test_a_stored_result_is_the_same_again(
    kind: str, finished: dict[str, tuple[Job, Result]], tmp_path: Path
) -> None:
    job, result = finished[kind]
    write_result(job, result, tmp_path)
    assert read_result(job, tmp_path) == result


@pytest.mark.slow
def test_the_same_job_gives_the_same_rows(finished: dict[str, tuple[Job, Result]]) -> None:
    job, result = finished[PLAN_NET]
    assert replace(run_job(job), seconds=0.0) == replace(result, seconds=0.0)


@pytest.fixture(scope="module")
def balance(simulated: Experiment, calibration: Calibration) -> AgentBalance:
    """Conditioned, after a few lessons."""
    policy = AgentBalance(conditioned=True)
    taught(policy, simulated, calibration)
    return policy


def taught(policy: Policy, simulated: Experiment, calibration: Calibration) -> None:
    mas, data = simulated.model.mas, simulated.data
    data.setup("fit")
    policy.attach(mas.table)
    planner, points = calibration.by_question(), ((160.0, 2e-2), (0.0, 0.0))
    course = Course(steps=4, texts=8)
    teach(policy, mas, calibration, planner, data.queries("train"), points, course)


def test_points_of_one_policy_do_not_disturb_each_other(
    simulated: Experiment, calibration: Calibration
) -> None:
    net, mas = PlanNet(), simulated.model.mas
    taught(net, simulated, calibration)
    queries = simulated.data.queries("train")
    cheap, free = at_budget(net, Budget(5e-4)), at_budget(net, Budget())
    before = most_probable(cheap, mas, queries)
    assert most_probable(free, mas, queries) != before
    assert most_probable(cheap, mas, queries) == before
    net.set_budget(cost_usd=5e-4)
    assert most_probable(net, mas, queries) == before
    assert cheap.operating_point != free.operating_point


def test_a_budget_that_nothing_keeps_gets_the_nearest_point(balance: AgentBalance) -> None:
    with pytest.raises(ConfigError, match="cost_usd"):
        balance.set_budget(cost_usd=1e-9)
    nearest = at_budget(balance, Budget(1e-9))
    least = min(balance.operating_points, key=lambda point: point.usd)
    at = balance.point_at(*nearest.operating_point)
    assert at is not None
    assert at.usd == least.usd
    fastest = at_budget(balance, Budget(None, 1e-9))
    at = balance.point_at(*fastest.operating_point)
    assert at is not None
    assert at.seconds == min(point.seconds for point in balance.operating_points)


def test_what_was_not_taught_has_no_budget() -> None:
    with pytest.raises(ConfigError, match="policy"):
        at_budget(PlanNet(), Budget(1e-3))
    with pytest.raises(ConfigError, match="set_budget"):
        at_budget(AgentBalance(init="paper"), Budget(1e-3))
    assert AtPoint(PlanNet(), (1.0, 2.0)).operating_point == (1.0, 2.0)


@pytest.mark.parametrize("kind", TAUGHT)
def test_a_framework_that_nobody_foretells_is_refused_before_a_call(kind: str) -> None:
    chat = {"model.mas.framework": "abgnn.frameworks.GroupChat"}
    some = comparison(kind)
    with pytest.raises(ConfigError, match=r"mas\.framework"):
        plan_jobs(replace(some, set={**some.set, **chat}))


def test_a_network_with_wrong_arguments_is_refused_before_a_call() -> None:
    some = comparison(TAUGHT_BALANCE)
    wrong = {"model.policy.init_args.delta": 7}
    with pytest.raises(ConfigError, match="delta"):
        plan_jobs(replace(some, set={**some.set, **wrong}))


def test_they_have_the_calls_of_all_our_points() -> None:
    entry = {"points": {"a": {"model.lambda_tok": 1}, "b": {"model.lambda_tok": 2}}}
    some = comparison(PLAN_NET)
    methods = {"ours": entry, PLAN_NET: {"plain": PLAN_NET}, "single LLM": {"plain": "single LLM"}}
    both = comparison(PLAN_NET, methods=methods, ours="ours")
    assert {j.train_calls for j in plan_jobs(some)[1] if j.method == PLAN_NET} == {120}
    assert {j.train_calls for j in plan_jobs(both)[1] if j.method == PLAN_NET} == {240}


@pytest.mark.parametrize("domain", HEADLINES)
def test_headlines_give_every_method_the_same_questions_and_calls(domain: str) -> None:
    made = Comparison.from_yaml(f"compare/headline-{domain}.yaml")
    assert made.base == "single LLM"
    least = min(len(method.points) or 99 for method in made.methods)
    if domain == "live":
        planned = budgets_of_rows(made.cost_budgets, made.latency_budgets)
        assert made.operating_points == 12 >= len(planned)
    else:
        assert made.operating_points == 4 == least, "as many for all as those have that train each"
    llms = 3 if domain == "live" else 11
    assert made.train_calls == llms * made.set["data.init_args.n_train"]
    for method in made.methods:
        points = max(len(method.points), 1)
        calls = made.train_calls if method.train_calls is None else method.train_calls
        if method.name == "AgentBalance, REINFORCE":
            assert points * calls == pytest.approx(made.train_calls, abs=points)
        else:
            assert method.train_calls is None
    names = {method.name for method in made.methods}
    assert {"closed loop", PLAN_NET, "planner", "router", "cascade", "self-consistency"} <= names
    assert ("majority" in names) == (domain != "code")  # programs have no keys
    assert not set(made.seeds) & set(range(4000))


@pytest.mark.slow
@pytest.mark.parametrize("domain", HEADLINES)
def test_headlines_are_accepted_and_leave_questions_to_judge(domain: str) -> None:
    made = Comparison.from_yaml(f"compare/headline-{domain}.yaml").with_seeds(1)
    label, jobs = plan_jobs(made)
    assert label == ("live" if domain == "live" else "simulated")
    assert {job.method for job in jobs} == {method.name for method in made.methods}
    data = build(jobs[0].configs, [*jobs[0].overrides, *QUIET]).data
    assert len(data.queries("train")) == made.set["data.init_args.n_train"]
    assert len(data.queries("test")) == made.set["data.init_args.n_test"] >= 74
