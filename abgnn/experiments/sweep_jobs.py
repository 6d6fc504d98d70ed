"""`abgnn frontier` as jobs: one for each operating point of each variant, one for all controls."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console

from abgnn.errors import ConfigError
from abgnn.evaluation.rows import Row
from abgnn.experiments.jobs.bar import run_shown
from abgnn.experiments.jobs.scheduler import Failed, Scheduler, check_shared
from abgnn.experiments.progress import Progress
from abgnn.experiments.sweep import (
    Rows,
    Sweep,
    add_rows,
    control_rows,
    loop_rows,
    point_experiment,
    trained_rows,
    write_sweep,
)

_QUIET = ("--trainer.logger=false", "--trainer.enable_checkpointing=false")  # jobs share folders


@dataclass(frozen=True, slots=True)
class SweepJob:
    """An operating point of a variant, numbered from 1; or the controls of that experiment."""

    sweep: Sweep
    variant: str
    number: int
    controls: bool = False

    def __str__(self) -> str:
        where = f"{self.variant}, operating point {self.number} of {len(self.sweep.points)}"
        return "controls" if self.controls else where


@dataclass(frozen=True, slots=True)
class SweepResult:
    """Held-out rows before and after training, or the controls' rows; and USD paid for them."""

    trained: tuple[Row, Row] | None
    controls: Rows
    spent_usd: float


def run_sweep_job(job: SweepJob) -> SweepResult:
    """Train a point and evaluate it, or evaluate the controls."""
    experiment = point_experiment(job.sweep, job.variant, job.number, _QUIET)
    paid = list[float]()
    experiment.model.on_outcome = lambda outcome: paid.append(outcome.paid)
    if job.controls:
        experiment.data.setup("fit")
        return SweepResult(None, control_rows(experiment, job.sweep), sum(paid))
    return SweepResult(trained_rows(experiment, job.sweep, job.number), {}, sum(paid))


def sweep_jobs(sweep: Sweep, hosts: int = 1) -> tuple[str, list[SweepJob]]:
    """The label of the figures, and all jobs; the first point of every variant is built once.

    Raises:
        ConfigError: a config, key or value that `abgnn fit` does not accept, no operating point,
            or a recording that the hosts do not share.
    """
    label = None
    for name in sweep.variants if sweep.points else ():
        model = point_experiment(sweep, name, 1, _QUIET).model
        check_shared(model.rollout_settings, hosts)
        label = model.label
    if label is None:
        raise ConfigError("points", sweep.points, "at least one operating point, and one variant")
    jobs = [
        SweepJob(sweep, name, number)
        for name in sweep.variants
        for number in range(1, len(sweep.points) + 1)
    ]
    last = jobs[-1]  # the controls are those of the last point, as in one process
    return label, [*jobs, SweepJob(sweep, last.variant, last.number, controls=True)]


def run_sweep_jobs(
    sweep: Sweep, scheduler: Scheduler, console: Console, progress: Progress | None = None
) -> tuple[Rows, dict[str, str]]:
    """What `run_sweep` does, as jobs; also the error messages of jobs that failed.

    Table, CSV and picture hold what the others returned. No job writes curves or checkpoints.
    """
    label, jobs = sweep_jobs(sweep, scheduler.hosts)
    loops = loop_rows(sweep, progress) if sweep.loops else {}  # one calibration serves all of them
    console.print(f"{len(jobs)} jobs in {scheduler}")
    results: dict[int, SweepResult] = {}
    failed: dict[str, str] = {}
    for i, ended in run_shown(scheduler, run_sweep_job, jobs, progress):
        if isinstance(ended, Failed):
            failed[str(jobs[i])] = ended.why
        else:
            results[i] = ended
        state = f"failed: {ended.why}" if isinstance(ended, Failed) else f"done ({label})"
        console.print(f"{jobs[i]}: {state}", markup=False, highlight=False, soft_wrap=True)
    rows: Rows = dict(loops)
    for i in sorted(results):
        result = results[i]
        if result.trained is not None:
            add_rows(rows, jobs[i].variant, result.trained)
        rows |= result.controls
    if results.get(len(jobs) - 1) is not None:  # the tables measure areas against the controls
        write_sweep(sweep, rows, label, console)
    return rows, failed
