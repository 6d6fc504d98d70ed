"""Local processes, blocks of plans, and what jobs must share."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from rich.console import Console

from abgnn.data.outcome import Outcome
from abgnn.data.plan import Plan
from abgnn.errors import ConfigError, JobError
from abgnn.experiments.calibrate import calibrate_experiment
from abgnn.experiments.certify import certify_policy
from abgnn.experiments.compare.config import Comparison
from abgnn.experiments.experiment import Experiment, build
from abgnn.experiments.inductive import Change, inductive
from abgnn.experiments.inductive_jobs import inductive_jobs
from abgnn.experiments.jobs.blocks import Blocks
from abgnn.experiments.jobs.openers import experiment_blocks
from abgnn.experiments.jobs.processes import LocalProcesses
from abgnn.experiments.jobs.scheduler import Failed, check_caps, check_shared
from abgnn.experiments.sweep import OperatingPoint, Sweep, run_sweep
from abgnn.experiments.sweep_jobs import run_sweep_jobs
from abgnn.rollout.executor import Executor
from abgnn.rollout.settings import UNGUARDED, Caps, Recording, RolloutSettings
from tests.cli.test_progress import Counted
from tests.conftest import QUIET, SIMULATED
from tests.experiments.jobs.work import Backwards, worked

FILE = RolloutSettings(Recording("calls.sqlite"), Caps(run_usd=1.0))
QUIETLY = Console(quiet=True)


def test_local_processes_run_every_job_in_another_process() -> None:
    ended = dict(LocalProcesses(2).run(worked, ["a", "fails", "pid"]))
    assert ended[0] == "A"
    assert ended[1] == Failed("ValueError: no such luck")
    assert int(str(ended[2])) != os.getpid()
    assert str(LocalProcesses(2)) == "2 processes"


@pytest.mark.slow
def test_a_process_that_dies_takes_no_other_job_with_it() -> None:
    ended = dict(LocalProcesses(2).run(worked, ["a", "dies", "b", "c"]))
    died = ended.pop(1)
    assert isinstance(died, Failed)
    assert "died" in died.why
    assert ended == {0: "A", 2: "B", 3: "C"}


def test_a_number_of_processes_is_positive() -> None:
    with pytest.raises(ConfigError, match="--jobs: got 0"):
        LocalProcesses(0)


def test_several_hosts_share_a_database_and_several_jobs_a_recording() -> None:
    check_shared(FILE, hosts=1)
    check_shared(UNGUARDED, hosts=2)
    check_shared(replace(FILE, recording=Recording("postgresql://db/calls")), hosts=2)
    check_shared(replace(FILE, recording=Recording("calls.sqlite", "replay")), hosts=2)
    with pytest.raises(ConfigError, match=r"recording\.path: got 'calls\.sqlite'.* 2 hosts share"):
        check_shared(FILE, hosts=2)
    check_caps(FILE, jobs=2)
    check_caps(replace(FILE, recording=Recording()), jobs=1)
    with pytest.raises(ConfigError, match=r"recording\.path: got None"):
        check_caps(replace(FILE, recording=Recording()), jobs=2)


def blocks(experiment: Experiment) -> Blocks:
    made = experiment_blocks([SIMULATED], experiment, Backwards(slots=1))
    assert made is not None
    return made


def test_blocks_return_what_one_executor_does(tmp_path: Path) -> None:
    """All in order, though the last block ends first; the bar counts every rollout."""
    one, many = Counted(), Counted()
    experiment = build([SIMULATED], QUIET)
    known = calibrate_experiment(experiment, 40, progress=one)
    again = calibrate_experiment(experiment, 40, progress=many, blocks=blocks(experiment))
    known.save(tmp_path / "one.json")
    again.save(tmp_path / "many.json")
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "many.json").read_bytes()
    assert (many.total, many.done) == (one.total, one.done) == (40, 40)
    assert many.paid == pytest.approx(one.paid)


def test_a_certificate_over_blocks_is_the_same(simulated: Experiment) -> None:
    policy = simulated.model.policy
    judged = partial(certify_policy, simulated, policy, cost_usd=1.0)
    assert judged(blocks=blocks(simulated)).to_dict() == judged().to_dict()


class _Broken:
    """Opens executors until it was asked twice."""

    def __init__(self, experiment: Experiment) -> None:
        self.experiment, self.left = experiment, 2

    def __call__(self, processes: int) -> Executor:
        assert processes == 3  # as many as there are blocks; the scheduler has room for four
        self.left -= 1
        if self.left < 0:
            raise OSError("no more of them")
        return self.experiment.model.new_executor(self.experiment.data)


def test_a_block_that_fails_lets_the_others_end(simulated: Experiment) -> None:
    executed: list[Outcome] = []
    simulated.model.policy.attach(simulated.model.mas.table)
    plans: list[Plan] = simulated.model.plans(simulated.data.queries("test")[:40])
    spread = Blocks(Backwards(), _Broken(simulated), UNGUARDED, executed.append)
    with pytest.raises(JobError, match="1 of 3 jobs failed, the first one by OSError: no more"):
        spread.run(plans)
    assert len(executed) == 24  # the blocks of 8 and of 16 that ended


@pytest.mark.slow
def test_a_frontier_as_jobs_is_that_of_one_process(tmp_path: Path) -> None:
    few = ("--data.init_args.n_train=4", "--data.init_args.n_test=10", "--trainer.logger=false")
    few = (*few, "--trainer.enable_checkpointing=false")  # they would lie in this folder
    points = (OperatingPoint(40.0, 0.0), OperatingPoint(0.0, 0.0))
    out = {name: str(tmp_path / name) for name in ("one", "jobs")}
    sweep = Sweep((SIMULATED,), points, (1e-3,), (60.0,), {"ours": few}, topologies=())
    rows = run_sweep(replace(sweep, out=out["one"]), QUIETLY)
    counted = Counted()
    again, failed = run_sweep_jobs(replace(sweep, out=out["jobs"]), Backwards(), QUIETLY, counted)
    assert not failed
    assert list(again) == list(rows)
    assert again == rows
    assert (counted.done, counted.total) == (3, 3)
    written = [(Path(folder) / "points.csv").read_bytes() for folder in out.values()]
    assert written[0] == written[1]


def test_a_point_that_fails_is_missing_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("it broke")

    monkeypatch.setattr("abgnn.experiments.sweep_jobs.trained_rows", broken)
    variants = {"ours": ("--data.init_args.n_test=10",)}
    point = OperatingPoint(0.0, 0.0)
    sweep = Sweep((SIMULATED,), (point,), (1e-3,), (60.0,), variants, 1, (), str(tmp_path))
    rows, failed = run_sweep_jobs(sweep, Backwards(), QUIETLY)
    assert failed == {"ours, operating point 1 of 1": "RuntimeError: it broke"}
    assert list(rows) == ["single LLM", "random plans"]
    assert (tmp_path / "points.csv").is_file()


@pytest.mark.slow
def test_seeds_as_jobs_are_those_of_one_process() -> None:
    config = Comparison.from_yaml("compare/inductive-general.yaml")
    few = {"data.init_args.n_test": 8, "data.init_args.n_train": 8}
    point = {"only": {"model.lambda_tok": 0, "model.policy.init_args.upper_bound": 4}}
    ours, *others = config.methods
    comparison = replace(
        config, seeds=(1, 2), samples=1, train_calls=40, set=few,
        methods=(replace(ours, points=point), *others),
    )  # fmt: skip
    assert ours.name == comparison.ours
    whole = list(inductive(comparison, Change(), [], QUIETLY))
    counted = Counted()
    jobs = list(inductive_jobs(comparison, Change(), [], Backwards(), QUIETLY, counted))
    assert jobs == [(2, whole[1]), (1, whole[0])]
    assert counted.done == 2
    assert counted.paid > 0


def test_a_config_is_wrong_before_any_job(simulated: Experiment) -> None:
    shared = build([SIMULATED], [*QUIET, "--model.rollout.recording.path=calls.sqlite"])
    with pytest.raises(ConfigError, match=r"recording\.path"):
        experiment_blocks([SIMULATED], shared, Backwards(hosts=2))
