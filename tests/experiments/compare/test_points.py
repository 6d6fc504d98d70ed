"""Like for like: as many operating points, the same calls and questions, the same aim for all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from abgnn.errors import ConfigError
from abgnn.experiments.compare.config import Comparison, Method
from abgnn.experiments.compare.controls import plain_policies
from abgnn.experiments.compare.job import Job, Result, run_job
from abgnn.experiments.compare.planner import planned_policies
from abgnn.experiments.compare.points import keep_points
from abgnn.experiments.compare.report import write_comparison
from abgnn.experiments.compare.run import plan_jobs
from abgnn.experiments.compare.table import table_lines
from abgnn.experiments.experiment import Experiment
from abgnn.graph.base_mas import BaseMAS
from abgnn.models import NaiveCostAware
from abgnn.models.planned import PlannedMixture
from abgnn.models.planned_questions import PlannedQuestions
from tests.experiments.compare.test_compare import BY_HAND, SMALL, by_hand, made

BUDGETS = ([1.0, 2.0], [10.0])


def test_what_serves_best_is_kept() -> None:
    points = np.array([
        (0.5, 1.0, 9.0), (0.4, 1.0, 9.0), (0.8, 2.0, 9.0), (0.81, 9.0, 9.0), (0.3, 9.0, 1.0)
    ])  # fmt: skip
    assert keep_points(points, BUDGETS, None) == keep_points(points, BUDGETS, 5) == [0, 1, 2, 3, 4]
    assert keep_points(points, BUDGETS, 2) == [0, 2]  # what lies beyond all budgets buys nothing
    assert keep_points(points, BUDGETS, 1) == [2]
    assert 1 not in keep_points(points, BUDGETS, 4)  # it is on no frontier


def test_tables_keep_the_same_number_and_say_so(tmp_path: Path) -> None:
    results = by_hand()
    job, many = made("theirs", 0, [(0.1 * k, 0.2 * k, 2.0 * k) for k in range(1, 8)])
    results = {k: v for k, v in results.items() if (k.method, k.seed) != ("theirs", 0)}
    results[job] = replace(many, train_questions=30)
    few = replace(BY_HAND, operating_points=2, out=str(tmp_path))
    ours, theirs, _ = table_lines(few, list(results), results)
    assert (ours.points, ours.of) == (2, 2)
    assert (theirs.points, theirs.of) == (1.5, 4)  # 2 of 7, and 1 of 1
    assert theirs.questions == 15
    console = Console(record=True, width=160)
    write_comparison(few, list(results), results, "simulated", console)
    shown = console.export_text()
    assert "2 of 4" in shown
    assert "questions" in (tmp_path / "table.csv").read_text(encoding="utf-8")
    assert "train_questions" in (tmp_path / "points.csv").read_text(encoding="utf-8")
    with pytest.raises(ConfigError, match="operating_points"):
        replace(BY_HAND, operating_points=0)


def small(**changes: object) -> Comparison:
    methods = {**SMALL["methods"], "planner": {"plain": "planner"}}
    return Comparison.read({**SMALL, "methods": methods, **changes}, "small.yaml")


def test_the_planner_has_the_calls_of_all_our_points() -> None:
    comparison = small(train_calls=90)
    _, jobs = plan_jobs(comparison.with_seeds(1))
    calls = {job.method: job.train_calls for job in jobs}
    assert calls == {"AgentBalance": 90, "planner": 180, "complete": 0}
    alone = Method("planner", plain="planner", train_calls=0)
    none = replace(comparison, methods=(*comparison.methods[:-1], alone))
    assert {j.train_calls for j in plan_jobs(none)[1] if j.method == "planner"} == {0}


def learned(job: Job, folder: Path) -> Result:
    result = run_job(job)
    assert result.train_calls > 0
    return result


@pytest.mark.slow
def test_planner_and_reinforce_see_the_same_questions(tmp_path: Path) -> None:
    few = {"data.init_args.n_train": 8, "data.init_args.n_test": 4, "model.samples": 2}
    comparison = replace(small(train_calls=120), set=few)
    _, jobs = plan_jobs(comparison.with_seeds(1))
    by = {job.method: learned(job, tmp_path) for job in jobs if job.plain in (None, "planner")}
    assert by["AgentBalance"].train_questions == by["planner"].train_questions == 8
    assert by["planner"].train_calls == pytest.approx(2 * by["AgentBalance"].train_calls, rel=0.3)


@pytest.mark.parametrize("blind", [True, False])
def test_plans_are_aimed_as_everywhere(simulated: Experiment, *, blind: bool) -> None:
    """No method gets a wider or narrower margin than `abgnn plan` has."""
    _, policies = planned_policies(simulated, 0, [5e-4], [20.0], 0, blind=blind)
    for _, policy in policies:
        if blind:
            assert isinstance(policy, PlannedMixture)
            assert policy.plan_file.budget["margin"] is None
        else:
            assert isinstance(policy, PlannedQuestions)
            assert policy.question_plan.budget["margin"] is None


def test_naive_cost_aware_is_in_the_tables(mas: BaseMAS) -> None:
    for domain in ("general", "math", "code"):
        comparison = Comparison.from_yaml(f"compare/simulated-{domain}.yaml")
        assert [m for m in comparison.methods if m.plain == "naive cost-aware"]
        assert comparison.operating_points == 4
    made_of = dict(plain_policies("naive cost-aware", mas, [4.6e-4, 4.9e-3], 0))
    assert len(made_of) == 2 * sum(b.type == "standard" for b in mas.catalogue)
    policy = made_of["Qwen3-8B, 4.9 mUSD"]
    assert isinstance(policy, NaiveCostAware)
    policy.attach(mas.table)
    assert policy.copies() == 5
