"""Rows that read answers, on a recorded table of answers and in the simulated world."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from rich.console import Console

from abgnn.cli.main import main
from abgnn.data.catalogue import Catalogue
from abgnn.data.resources import config_path
from abgnn.errors import ConfigError
from abgnn.experiments.compare.ahead import ahead_lines
from abgnn.experiments.compare.config import Comparison
from abgnn.experiments.compare.controls import ADAPTIVE, COMPLETE, SAMPLED, SELF_CHECK
from abgnn.experiments.compare.from_table import from_table
from abgnn.experiments.compare.job import Job, Result, run_job
from abgnn.experiments.compare.report import write_comparison
from abgnn.experiments.compare.run import plan_jobs
from abgnn.experiments.compare.sampled import sample, sampled_policies
from abgnn.experiments.experiment import Experiment, build
from abgnn.models.programs import AdaptiveConsistencyProgram, SelfCheckProgram
from abgnn.training.evaluate import evaluate
from tests.paths import SHARED

CONFIG = "compare/recorded-answers.yaml"
LLMS = {"tiny": (0.5, 20), "small": (0.65, 60), "middle": (0.75, 300), "large": (0.9, 1500)}
SMALL = {"data.init_args.n_train": 24, "data.init_args.n_test": 20}


def table(path: Path, *, keys: bool = True, questions: int = 60) -> Path:
    """Answers of four LLMs to questions with four options, right more often the dearer they are."""
    rng, lines = np.random.default_rng(0), []
    for q in range(questions):
        ease, llms = rng.normal(), {}
        for name, (accuracy, usd) in LLMS.items():
            right = bool(rng.normal() + ease < 2.8 * (accuracy - 0.5))
            key = "A" if right else str(rng.choice(["B", "B", "C", "D"]))
            bill = usd * (0.8 + 0.4 * rng.random())
            llms[name] = [key if keys else None, int(right), 700 + q, bill]
        row = {"id": f"q{q}", "task": f"t{q % 2}", "question": f"What is the {q}th of these?",
               "options": 4, "gold": "A", "llms": llms}  # fmt: skip
        lines.append(json.dumps(row) + "\n")
    path.write_text("".join(lines), encoding="utf-8")
    return path


def comparison(folder: Path, path: Path | None = None, **changes: Any) -> Comparison:
    """The packaged one, of a small table and one seed."""
    made = Comparison.from_yaml(CONFIG).with_seeds(1)
    made = made.with_files(path=str(path or table(folder / "answers.jsonl")))
    return replace(made, set={**made.set, **SMALL}, out=str(folder / "out"), **changes)


Finished = tuple[Comparison, list[Job], dict[Job, Result]]


def done(folder: Path, *methods: str) -> Finished:
    """These rows of the small table; the first is ours."""
    made = comparison(folder)
    chosen = tuple(m for m in made.methods if m.name in methods)
    made = from_table(replace(made, methods=chosen, ours=methods[0]))
    _, jobs = plan_jobs(made)
    return made, jobs, {job: run_job(job) for job in jobs}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The rows that take little time."""
    return done(tmp_path_factory.mktemp("answers"), "majority", "single LLM")


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """Every row."""
    folder = tmp_path_factory.mktemp("all")
    return done(folder, *(m.name for m in Comparison.from_yaml(CONFIG).methods))


def test_llms_and_budgets_are_the_tables(tmp_path: Path) -> None:
    made = from_table(comparison(tmp_path))
    catalogue = Catalogue.from_yaml(made.set["model.mas.catalogue"])
    assert catalogue.names == tuple(LLMS)
    assert not any(backbone.benchmarks for backbone in catalogue)  # scores would tell of the test
    assert len(made.cost_budgets) == 4
    assert 20e-6 < made.cost_budgets[0] < made.cost_budgets[-1] < 1500e-6
    assert np.ptp(np.diff(np.log(made.cost_budgets))) == pytest.approx(0, abs=1e-9)
    assert not made.latency_budgets
    stated = from_table(comparison(tmp_path, cost_budgets=(1e-4, 2e-4)))
    assert stated.cost_budgets == (1e-4, 2e-4)


def test_another_table_makes_other_jobs(tmp_path: Path) -> None:
    made = comparison(tmp_path)
    made = replace(made, methods=made.methods[-1:], ours="single LLM")
    before = plan_jobs(from_table(made))[1]
    assert [job.key for job in plan_jobs(from_table(made))[1]] == [job.key for job in before]
    text = (tmp_path / "answers.jsonl").read_text()
    (tmp_path / "answers.jsonl").write_text(text.replace('"D"', '"C"'))  # the same prices
    assert not {job.key for job in plan_jobs(from_table(made))[1]} & {job.key for job in before}


@pytest.mark.slow
def test_every_row_plans_from_the_same_calls_and_has_points_of_several_costs(
    everything: Finished,
) -> None:
    made, _, results = everything
    assert [job.plain for job in results] == [*COMPLETE, "single LLM"]
    for job, result in results.items():
        assert result.label == "recorded"
        assert len(result.by_query[0]) == 20
        learned = (24 * 4, 24) if job.plain in COMPLETE else (0, 0)
        assert (result.train_calls, result.train_questions) == learned
        costs = [row.cost_usd for row in result.rows]
        if job.plain in COMPLETE:
            assert [row.name for row in result.rows][::6] == ["cheapest", "no budget"]
            assert costs[0] == min(costs)
            assert costs[1] < 1.3 * made.cost_budgets[0]
        assert max(costs) > 5 * min(costs)
    calls = {job.plain: [row.calls for row in result.rows] for job, result in results.items()}
    assert set(calls["router"]) == {1.0}
    assert calls["majority"][-1] == 3.0
    assert calls["cascade"][0] == 1.0
    assert max(calls["closed loop"]) > 1.0


@pytest.mark.parametrize("rows", ["finished", pytest.param("everything", marks=pytest.mark.slow)])
def test_a_recorded_comparison_reproduces_bit_for_bit(
    rows: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    _, _, results = request.getfixturevalue(rows)
    for job, result in results.items():
        if job.plain in COMPLETE:
            again = run_job(job)
            assert replace(again, seconds=0.0) == replace(result, seconds=0.0)


def test_the_report_tells_what_is_ahead_of_single_llms(finished: Finished) -> None:
    made, jobs, results = finished
    console = Console(width=200, record=True, file=io.StringIO())
    write_comparison(made, jobs, results, "recorded", console)
    text = console.export_text()
    assert "ahead of the mixture of single LLMs" in text
    assert "P@L" not in text  # no seconds are budgeted
    lines = {line.method: line for line in ahead_lines(made, jobs, results)}
    assert list(lines) == ["majority"]
    cells = lines["majority"].cells
    each = [cells[f"ahead P@T{k}"].mean for k in range(1, 5)]
    assert cells["ahead mean T"].mean == pytest.approx(np.mean(each))
    assert "ahead mean L" not in cells
    assert not ahead_lines(replace(made, base="majority"), jobs, results)


def test_a_table_without_keys_is_refused_before_a_call(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = table(tmp_path / "scores.jsonl", keys=False)
    args = ["compare", "--config", CONFIG, "--path", str(path), "--out", str(tmp_path / "out")]
    assert main([*args, "--seeds", "1"]) == 2
    error = capsys.readouterr().err
    assert "methods[closed loop].plain" in error
    assert "keys" in error
    assert not (tmp_path / "out" / "jobs").exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"methods": {"closed loop": {"plain": "open loop"}}}, "open loop"),
        ({"fit": ["simulated/general.yaml"], "set": {}}, "catalogue_from_table"),
        ({"catalogue_from_table": False}, "cost_budgets"),
        ({"catalogue_from_table": "yes"}, "catalogue_from_table"),
        ({"cost_budgets": [2e-4, 1e-4]}, "cost_budgets"),
        ({"fit": ["simulated/code.yaml"], "catalogue_from_table": False, "cost_budgets": [1e-3],
          "latency_budgets": [9], "set": {}}, r"programs"),
        ({"add": {"again": {"plain": SELF_CHECK}}}, "methods.again"),
    ],
)  # fmt: skip
def test_faulty_configs_are_named_before_a_call(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    content = yaml.safe_load(config_path(CONFIG).read_text(encoding="utf-8"))
    content["set"] = {"data.init_args.path": str(table(tmp_path / "answers.jsonl"))}
    content["methods"] |= changes.pop("add", {})
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump({**content, "out": str(tmp_path / "out"), **changes}))
    with pytest.raises(ConfigError, match=said):
        plan_jobs(from_table(Comparison.from_yaml(str(file)).with_seeds(1)))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["answers_zeroeval_25llm.jsonl", "answers_mmlupro_19llm.jsonl"])
def test_shared_tables_are_compared(tmp_path: Path, name: str) -> None:
    if not (SHARED / name).is_file():
        pytest.skip("needs the table")
    made = from_table(comparison(tmp_path, SHARED / name))
    label, jobs = plan_jobs(made)
    assert label == "recorded"
    job = next(job for job in jobs if job.plain == "router")
    assert len(run_job(job).rows) == 7


def small(world_seed: int = 1) -> Experiment:
    overrides = (
        "--trainer.logger=false",
        "--data.init_args.n_train=12",
        f"--model.client.init_args.world_seed={world_seed}",
        "--model.mas.exclude=[Qwen3-1.7B-thinking, Qwen3-14B-thinking, Qwen3-32B, Qwen3-235B-A22B]",
    )
    return build(["simulated/general.yaml"], overrides)


def test_samples_are_as_many_calls_as_a_complete_calibration_at_most() -> None:
    experiment = small()
    made, llms = sample(experiment), len(experiment.model.mas.catalogue)
    assert made.calls <= 12 * llms
    questions = made.bills.shape[2]
    assert made.calls == questions * (llms + 4 * 4)
    assert len(made.again) == 4
    asked_again = ~np.isnan(made.bills[0, :, :, 1:]).all((1, 2))
    assert set(np.flatnonzero(asked_again)) == set(made.again)
    assert not np.isnan(made.bills[:, :, :, 0]).any()


@pytest.mark.parametrize(
    ("kind", "program"),
    [(SELF_CHECK, SelfCheckProgram), (ADAPTIVE, AdaptiveConsistencyProgram)],
)
def test_rows_that_ask_again_keep_budgets(kind: str, program: type) -> None:
    experiment = small()
    _, policies = sampled_policies(kind, experiment, [5e-4, 3e-3], [])
    named = dict(policies)
    assert list(named) == ["cheapest", "0.35 mUSD", "0.5 mUSD", "3 mUSD", "no budget"]
    mas, queries = experiment.model.mas, experiment.data.queries("test")[:20]
    policy = named["3 mUSD"]
    policy.attach(mas.table)
    assert {type(plan.program) for plan in policy(mas.batch(queries), sample=False).plans()} == {
        program
    }
    with experiment.model.new_executor(experiment.data) as executor:
        outcomes = evaluate(policy, mas, executor, queries)
    assert all(outcome.error is None for outcome in outcomes)
    assert 1 < np.mean([len(outcome.calls) for outcome in outcomes]) <= 6
    assert np.mean([outcome.cost for outcome in outcomes]) < 1.4 * 3e-3
    assert len(SAMPLED) == 2
