"""`abgnn compare`: its figures by hand, what a config may say, and runs that are cut off."""

from __future__ import annotations

import csv
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from rich.console import Console

from abgnn.cli.main import main
from abgnn.data.query import Query
from abgnn.errors import ConfigError
from abgnn.evaluation.frontier import performance_at
from abgnn.evaluation.rows import Row
from abgnn.experiments.compare.config import Comparison, Method, arguments
from abgnn.experiments.compare.cross import cross_performances, mixture
from abgnn.experiments.compare.job import (
    Job,
    Result,
    read_result,
    run_job,
    write_result,
)
from abgnn.experiments.compare.report import latex, write_comparison
from abgnn.experiments.compare.run import plan_jobs, run_jobs
from abgnn.experiments.compare.table import interval, table_lines
from abgnn.experiments.jobs.processes import LocalProcesses
from datamodules import QuickQA
from tests.paths import SHARED

OUTCOMES = SHARED / "outcomes_llmrouter_9llm.jsonl"
SMALL: dict[str, Any] = {
    "fit": ["simulated/general.yaml"],
    "ours": "AgentBalance",
    "seeds": [3, 4],
    "train_calls": 60,
    "cost_budgets": [5e-4, 5e-3],
    "latency_budgets": [20, 100],
    "methods": {
        "AgentBalance": {
            "set": {"data.init_args.n_test": 10, "model.samples": 2},
            "points": {"cheap": {"model.lambda_tok": 40}, "dear": {"model.lambda_tok": 0}},
        },
        "complete": {"plain": "complete"},
    },
}


def written(path: Path, **changes: Any) -> str:
    path.write_text(yaml.safe_dump({**SMALL, **changes}), encoding="utf-8")
    return str(path)


def row(name: str, performance: float, cost: float, latency: float) -> Row:
    return Row(name, performance, 0.0, cost, latency, 100.0, 1.0, 0.0, 10)


def made(
    method: str, seed: int, points: Sequence[tuple[float, float, float]], plain: str | None = None
) -> tuple[Job, Result]:
    """A job and its result: points of (performance, USD, seconds)."""
    job = Job(method, "p", seed, ("c",), (f"--seed={seed}",), plain, 100, 1, (), "w")
    rows = tuple(row(f"p{i}", *point) for i, point in enumerate(points))
    by_query = tuple(((p, c, t),) for p, c, t in points)
    return job, Result("simulated", 0 if plain else 100 + seed, rows, by_query, 1.0)


OURS, THEIRS, BASE = Method("ours", plain="chain"), Method("theirs"), Method("b", plain="complete")
BY_HAND = Comparison(
    ("x",), (OURS, THEIRS, BASE), (1.0, 2.0), (10.0,), "ours", base="b", seeds=(0, 1)
)


def by_hand(theirs: Sequence[float] = (0.9, 0.9)) -> dict[Job, Result]:
    return dict(
        [
            made("ours", 0, [(0.4, 1.0, 10.0), (0.8, 3.0, 20.0)], "chain"),
            made("ours", 1, [(0.6, 1.0, 10.0), (0.8, 3.0, 20.0)], "chain"),
            made("theirs", 0, [(theirs[0], 2.0, 20.0)]),
            made("theirs", 1, [(theirs[1], 2.0, 20.0)]),
            made("b", 0, [(0.5, 4.0, 40.0), (0.2, 1.0, 5.0)], "complete"),
            made("b", 1, [(0.5, 4.0, 40.0), (0.2, 1.0, 5.0)], "complete"),
        ]
    )


def test_figures_by_hand() -> None:
    results = by_hand()
    ours, theirs, _ = table_lines(BY_HAND, list(results), results)
    assert ours.cells["P@T1"].mean == pytest.approx(0.5)
    assert ours.cells["P@T2"].mean == pytest.approx((0.6 + 0.7) / 2)  # halfway to the next point
    assert theirs.cells["P@T1"].mean == pytest.approx(0.45)  # halfway from (0, 0)
    # of seed 0: triangle to (1, .4), trapezoids to (3, .8) and, falling, to the base's (4, .5)
    areas = [(0.2 + 1.2 + 0.65) / 4, (0.3 + 1.4 + 0.65) / 4]
    assert ours.cells["AUC_tok"].mean == pytest.approx(sum(areas) / 2)
    narrow = [(0.2 + 0.5) / 2, (0.3 + 0.65) / 2]
    assert ours.cells["narrow_tok"].mean == pytest.approx(sum(narrow) / 2)
    # Student's t with one degree of freedom: 12.706 standard errors
    assert ours.cells["P@T1"].half == pytest.approx(12.706 * 0.1, rel=1e-3)
    assert (ours.calls, theirs.calls, theirs.runs) == (0.0, 100.5, 1)


def test_what_beats_ours_is_marked() -> None:
    results = by_hand()
    _, theirs, _ = table_lines(BY_HAND, list(results), results)
    assert not theirs.cells["P@T1"].beats  # 0.45 < 0.5
    assert theirs.cells["P@T2"].beats
    assert not theirs.cells["P@T2"].clear  # ahead by 0.3 and 0.2: too few seeds
    results = by_hand((0.9, 1.0))
    _, theirs, _ = table_lines(BY_HAND, list(results), results)
    assert theirs.cells["P@T2"].clear  # ahead by 0.3 twice
    text = latex(table_lines(BY_HAND, list(results), results), {"live": ["P@T1", "P@T2"]})
    assert r"$\mathbf{50.0}\pm127.1$ & $65.0\pm63.5$" in text
    assert "\\mathbf{95.0}" in text
    assert text.count("^{**}") == 1


def test_one_seed_has_no_interval() -> None:
    mean, half = interval([0.25])
    assert (mean, math.isnan(half)) == (0.25, True)


def test_everything_that_is_written_says_where_it_is_from(tmp_path: Path) -> None:
    results = by_hand()
    console = Console(record=True, width=140)
    comparison = replace(BY_HAND, out=str(tmp_path))
    write_comparison(comparison, list(results), results, "simulated", console)
    shown = console.export_text()
    assert shown.count("(simulated)") >= 3
    assert "90.0±0.0*" in shown
    with (tmp_path / "points.csv").open() as file:
        points = list(csv.DictReader(file))
    assert {p["source"] for p in points} == {"simulated"}
    assert len(points) == 10
    with (tmp_path / "table.csv").open() as file:
        table = list(csv.DictReader(file))
    assert {line["source"] for line in table} == {"simulated"}
    assert sum(line["beats_ours"] == "1" for line in table if line["method"] == "theirs")
    text = (tmp_path / "table.tex").read_text()
    assert "simulated" in text
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert [row.count("&") for row in rows] == [5, 10, 10, 10, 10, 5, 6, 6, 6, 6]  # heads span
    assert (tmp_path / "frontiers-simulated.png").stat().st_size > 10_000


def test_missing_jobs_are_told_and_a_missing_base_is_an_error() -> None:
    results = by_hand()
    jobs = list(results)
    del results[jobs[2]]
    _, theirs, _ = table_lines(BY_HAND, jobs, results)
    assert (theirs.done, theirs.jobs) == (1, 2)
    with pytest.raises(ConfigError, match="base"):
        table_lines(BY_HAND, jobs[:4], {job: results[job] for job in jobs[:4] if job in results})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"budgets": [1]}, "small.yaml: budgets"),
        ({"ours": "nobody"}, "ours: got 'nobody'"),
        ({"base": "AgentBalance"}, "base: got 'AgentBalance'"),
        ({"methods": {}}, "methods: got {}"),
        ({"methods": {"A": {}}}, "exactly one of"),
        ({"methods": {"A": {"plain": "circle"}}}, r"methods\[A\].plain: got 'circle'"),
        ({"methods": {"A": {"plain": "chain", "configs": ["x"]}}}, "no configs"),
        ({"methods": {"A": {"point": {}}}}, r"methods\[A\]: point"),
        ({"methods": {"A": {"points": {"p": 3}}}}, r"points\[p\]: got 3"),
        ({"methods": {"A": {"per_backbone": "key"}}}, "a list of texts"),
        ({"methods": {"A": {"points": {"p": {}}, "train_calls": -1}}}, "train_calls: got -1"),
        ({"cost_budgets": [2.0, 1.0]}, "increasing"),
        ({"cost_budgets": [0.0]}, "positive"),
        ({"seeds": [1, 1]}, "each once"),
        ({"set": ["a"]}, "small.yaml: set"),
        ({"samples": 0}, "samples: got 0"),
    ],
)
def test_faulty_configs_are_named(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Comparison.from_yaml(written(tmp_path / "small.yaml", **changes))


def test_missing_keys_and_too_many_seeds(tmp_path: Path) -> None:
    data = {k: v for k, v in SMALL.items() if k != "ours"}
    (tmp_path / "less.yaml").write_text(yaml.safe_dump(data))
    with pytest.raises(ConfigError, match=r"less.yaml: ours"):
        Comparison.from_yaml(str(tmp_path / "less.yaml"))
    with pytest.raises(ConfigError, match="--seeds: got 3"):
        Comparison.from_yaml(written(tmp_path / "small.yaml")).with_seeds(3)


def test_keys_that_fit_does_not_know_stop_before_the_first_job(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    methods = {**SMALL["methods"], "typo": {"points": {"p": {"model.lambda_tokens": 1}}}}
    config = written(tmp_path / "small.yaml", methods=methods, out=str(tmp_path / "out"))
    assert main(["compare", "--config", config]) == 2
    assert "lambda_tokens" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_arguments_are_as_fit_reads_them() -> None:
    given = {"a.b": 0, "c": "Qwen3-8B", "d": None, "e": [1, 2], "f": True}
    assert arguments(given) == ("--a.b=0", "--c=Qwen3-8B", "--d=null", "--e=[1, 2]", "--f=true")


def test_jobs_of_a_comparison(tmp_path: Path) -> None:
    methods = {
        **SMALL["methods"],
        "each": {"per_backbone": ["model.policy.init_args.backbone"],
                 "configs": [written_policy(tmp_path)], "train_calls": 0},
    }  # fmt: skip
    comparison = Comparison.from_yaml(
        written(tmp_path / "small.yaml", methods=methods, set={"data.init_args.batch_size": 2})
    )
    label, jobs = plan_jobs(comparison)
    assert label == "simulated"
    assert all("--data.init_args.batch_size=2" in job.overrides for job in jobs)
    assert len(jobs) == 2 * (2 + 1 + 11)
    assert len({job.key for job in jobs}) == len(jobs)
    assert {job.train_calls for job in jobs if job.method == "each"} == {0}
    each = [job for job in jobs if job.method == "each" and job.seed == 4]
    assert {"--seed_everything=4", "--model.client.init_args.world_seed=4"} <= set(
        each[0].overrides
    )
    assert sum("Qwen3-8B" in o for job in each for o in job.overrides) >= 1
    again = plan_jobs(comparison)[1]
    assert [job.key for job in again] == [job.key for job in jobs]
    dearer = plan_jobs(replace(comparison, train_calls=61))[1]
    changed = {a.method for a, b in zip(jobs, dearer, strict=True) if a.key != b.key}
    assert changed == {"AgentBalance"}


def written_policy(folder: Path) -> str:
    policy = {
        "class_path": "abgnn.models.FixedGraph",
        "init_args": {"backbone": "Qwen3-8B", "roles": ["Knowledgeable Expert"]},
    }
    (folder / "fixed.yaml").write_text(yaml.safe_dump({"model": {"policy": policy}}))
    return str(folder / "fixed.yaml")


@pytest.mark.parametrize(
    "domain", ["general", *(pytest.param(d, marks=pytest.mark.slow) for d in ("math", "code"))]
)
def test_packaged_comparisons(domain: str) -> None:
    """Every row's config is built once; every method is in the table at four budgets of each."""
    comparison = Comparison.from_yaml(f"compare/simulated-{domain}.yaml")
    assert len(comparison.seeds) == 5
    assert len(comparison.cost_budgets) == len(comparison.latency_budgets) == 4
    label, jobs = plan_jobs(comparison.with_seeds(1))
    assert label == "simulated"
    assert {job.train_calls for job in jobs if job.plain is None} == {1000, 0}
    assert {job.train_calls for job in jobs if job.method == comparison.ours} == {1000}
    assert {job.method for job in jobs} == {method.name for method in comparison.methods}


@pytest.mark.skipif(not OUTCOMES.is_file(), reason="needs LLMRouter's recorded outcomes")
def test_a_recorded_world_is_compared_as_one(tmp_path: Path) -> None:
    """Answers are the table's; the calls of a warm start are training calls."""
    comparison = Comparison.from_yaml("compare/recorded-llmrouter.yaml").with_seeds(1).with_files(
        path=str(OUTCOMES), profiles=str(OUTCOMES.parent / "llmrouter_9llm_profiles.json")
    )  # fmt: skip
    small = {"data.init_args.n_train": 20, "data.init_args.n_test": 30}
    comparison = replace(comparison, train_calls=200, set={**comparison.set, **small})
    label, jobs = plan_jobs(comparison)
    assert label == "recorded"
    router, single = (next(j for j in jobs if j.method == m) for m in ("Router", "single LLM"))
    result = run_job(router)
    assert (result.label, len(result.by_query[0])) == ("recorded", 30)
    assert 200 <= result.train_calls < 200 + 16 * 8
    assert len(run_job(single).rows) == 9


def test_a_job_trains_evaluates_and_writes(tmp_path: Path) -> None:
    comparison = Comparison.from_yaml(written(tmp_path / "small.yaml"))
    _, jobs = plan_jobs(comparison)
    assert read_result(jobs[0], tmp_path) is None
    result = run_job(jobs[0])
    write_result(jobs[0], result, tmp_path)
    assert read_result(jobs[0], tmp_path) == result
    assert result.label == "simulated"
    assert 60 <= result.train_calls < 120
    [only] = result.rows
    assert only.n == len(result.by_query[0]) == 10
    assert only.cost_usd == pytest.approx(sum(c for _, c, _ in result.by_query[0]) / 10)
    assert [p.name for p in tmp_path.glob("*.json")] == [f"{jobs[0].key}.json"]
    assert not list(tmp_path.glob("*.part"))
    path = tmp_path / f"{jobs[0].key}.json"
    path.write_text(path.read_text()[:-40])  # cut off, as after a power failure
    assert read_result(jobs[0], tmp_path) is None


def test_a_job_that_a_cap_has_cut_short_is_not_done(tmp_path: Path) -> None:
    comparison = Comparison.from_yaml(written(tmp_path / "small.yaml"))
    capped = {"model.rollout.caps.phase_usd": {"test": 1e-4}}
    _, jobs = plan_jobs(replace(comparison, set=capped))
    with pytest.raises(ConfigError, match=r"rollout\.caps"):
        run_job(jobs[0])


def test_a_bug_is_no_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    comparison = Comparison.from_yaml(written(tmp_path / "small.yaml"))
    _, jobs = plan_jobs(comparison)

    def broken(self: QuickQA, query: Query, response: str) -> float:
        raise ZeroDivisionError("no such score")

    monkeypatch.setattr(QuickQA, "score", broken)
    with pytest.raises(RuntimeError, match="no such score"):
        run_job(replace(jobs[0], train_calls=0))
    assert not list(tmp_path.glob("*.json"))


def test_methods_of_a_seed_meet_the_same_world(tmp_path: Path) -> None:
    """A lone LLM by two ways: as a plain row, and as a `method` that is not trained."""
    methods = {
        "AgentBalance": {"points": {"p": {}}},
        "complete": {"plain": "complete"},
        "single": {"plain": "single LLM"},
    }
    comparison = Comparison.from_yaml(written(tmp_path / "small.yaml", methods=methods))
    _, jobs = plan_jobs(replace(comparison, seeds=(5,)))
    alike = next(run_job(job) for job in jobs if job.method == "single")
    fixed = replace(jobs[0], configs=(*jobs[0].configs, written_policy(tmp_path)), train_calls=0)
    lone = next(r for r in alike.rows if r.name == "Qwen3-8B")
    from abgnn.evaluation.rows import summarise
    from abgnn.experiments.experiment import build
    from abgnn.training.evaluate import evaluate

    experiment = build(fixed.configs, fixed.overrides)
    with experiment.model.new_executor(experiment.data) as runs:
        outcomes = evaluate(
            experiment.model.policy, experiment.model.mas, runs, experiment.data.queries("test")
        )
    assert summarise("Qwen3-8B", outcomes) == lone


def test_a_job_whose_process_dies_takes_no_other_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With two processes an innocent one is lost as well: it is not blamed."""
    jobs = [made("m", seed, [(0.5, 1.0, 1.0)])[0] for seed in range(6)]
    deadly, rounds = jobs[2], []

    def run(todo: Mapping[int, Job], workers: int) -> Iterator[tuple[int, Result]]:
        rounds.append(([job.seed for job in todo.values()], workers))
        for i, job in todo.items():
            if job is deadly or (workers == 2 and job.seed == deadly.seed - 1):
                continue
            if job.seed > deadly.seed:
                return
            yield i, made("m", job.seed, [(0.5, 1.0, 1.0)])[1]

    def after(function: object, todo: Mapping[int, Job], workers: int) -> Any:
        if deadly in todo.values():
            return run(todo, workers)
        return ((i, made("m", job.seed, [(0.5, 1.0, 1.0)])[1]) for i, job in todo.items())

    monkeypatch.setattr("abgnn.experiments.jobs.processes._run", after)
    two = LocalProcesses(2)
    ran = run_jobs(jobs, "simulated", tmp_path / "jobs", two, Console(quiet=True))
    assert list(ran.failed) == [deadly]
    assert "died" in ran.failed[deadly]
    assert set(ran.results) == set(jobs) - {deadly}
    assert rounds == [([0, 1, 2, 3, 4, 5], 2), ([1, 2, 3, 4, 5], 2), ([1, 2, 3, 4, 5], 1),
                      ([2, 3, 4, 5], 2), ([2, 3, 4, 5], 1)]  # fmt: skip


def started(config: str, out: Path, **kwargs: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "abgnn", "compare", "--config", config, "--out", str(out)]
    return subprocess.Popen(
        [*command, "--jobs", "1"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"}, start_new_session=True, **kwargs,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.timing
@pytest.mark.timeout(900)
def test_a_killed_run_goes_on_and_a_failing_job_takes_no_other_with_it(tmp_path: Path) -> None:
    """SIGKILL after the first result; one method's policy raises while it is trained."""
    (tmp_path / "broken_policy.py").write_text(
        "from abgnn.models import AgentBalance\n"
        "class Broken(AgentBalance):\n"
        "    def forward(self, batch, *, sample, action=None):\n"
        "        raise RuntimeError('no such luck')\n"
    )
    broken = {"class_path": "broken_policy.Broken", "init_args": {"in_channels": 384}}
    (tmp_path / "broken.yaml").write_text(yaml.safe_dump({"model": {"policy": broken}}))
    methods = {
        **SMALL["methods"],
        "Broken": {"configs": ["broken.yaml"], "points": {"only": {}}},
        "chain": {"plain": "chain"},
    }
    config = written(tmp_path / "small.yaml", methods=methods, seeds=[3])
    out = tmp_path / "out"
    first = started(config, out, cwd=tmp_path)
    while len(list(out.glob("jobs/*.json"))) < 2:
        assert first.poll() is None, first.communicate()[0]
        time.sleep(0.02)
    first.send_signal(signal.SIGKILL)
    first.communicate()  # its workers hold the pipe: they are gone, too
    lost, *rest = sorted(out.glob("jobs/*.json"), key=lambda p: '"cheap"' not in p.read_text())
    before = json.loads(lost.read_text())["result"]
    lost.unlink()
    kept = {p: p.stat().st_mtime_ns for p in rest}
    assert 1 <= len(kept) < 4

    second = started(config, out, cwd=tmp_path)
    said = second.communicate(timeout=600)[0]
    assert second.returncode == 1, said
    assert f"{len(kept)} of 5 jobs are done already" in said
    assert "failed: Broken, only, seed 3: RuntimeError: no such luck" in said
    assert len(list(out.glob("jobs/*.json"))) == 4
    assert all(path.stat().st_mtime_ns == then for path, then in kept.items())
    after = json.loads(lost.read_text())["result"]
    assert {**after, "seconds": 0} == {**before, "seconds": 0}  # the same in every figure
    with (out / "points.csv").open() as file:
        methods_seen = {line["method"] for line in csv.DictReader(file)}
    assert methods_seen == {"AgentBalance", "complete", "chain"}


def test_mixtures_are_those_of_the_envelope() -> None:
    points = np.array([[1.0, 0.4], [3.0, 0.8], [2.0, 0.5], [4.0, 0.7]])
    for budget in (0.0, 0.5, 1.0, 2.5, 3.0, 9.0):
        share = mixture(points, budget)
        assert share @ points[:, 1] == pytest.approx(performance_at(points, budget))
        assert share @ points[:, 0] <= budget + 1e-12
        assert 0 <= share.sum() <= 1 + 1e-12
    assert mixture(points, 2.5).tolist() == [0.25, 0.75, 0.0, 0.0]


def test_choosing_among_equals_gains_nothing_where_it_is_judged_elsewhere() -> None:
    """Fifty points that all are coins: hindsight makes the best one look good."""
    coins = np.random.default_rng(0).integers(0, 2, (50, 400, 1)).astype(float)
    by_query = np.concatenate([coins, np.ones((50, 400, 2))], -1)
    hindsight = performance_at(by_query.mean(1)[:, [1, 0]], 1.0)
    crossed, _ = cross_performances(by_query, ([1.0], [1.0]), seed=0)
    assert hindsight > 0.54
    assert abs(crossed - 0.5) < 0.02


def test_a_real_difference_is_kept() -> None:
    scores = np.random.default_rng(0).random((3, 400, 1)) < np.array([0.3, 0.6, 0.9])[:, None, None]
    by_query = np.concatenate([scores, np.ones((3, 400, 2))], -1)
    for most in (None, 1):
        _, seconds = cross_performances(by_query, ([1.0], [1.0]), seed=0, most=most)
        assert seconds == pytest.approx(scores[2].mean())
