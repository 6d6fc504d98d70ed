"""The jobs of a comparison, side by side; jobs with a result are not repeated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from abgnn.experiments.compare.config import Comparison, Method, arguments
from abgnn.experiments.compare.controls import CALIBRATED, NAIVE, PLANNERS, TAUGHT
from abgnn.experiments.compare.job import (
    QUIET,
    Job,
    Result,
    digest,
    read_result,
    run_job,
    write_result,
)
from abgnn.experiments.compare.readable import check_readable
from abgnn.experiments.compare.taught import check_teachable
from abgnn.experiments.experiment import build, quiet
from abgnn.experiments.jobs.bar import run_shown
from abgnn.experiments.jobs.processes import hush_seeds
from abgnn.experiments.jobs.scheduler import Failed, Scheduler, check_shared
from abgnn.experiments.progress import Progress
from abgnn.graph.base_mas import BaseMAS


@dataclass(frozen=True, slots=True)
class Finished:
    """The results and failures of all jobs.

    Args:
        label: how calls are made: `simulated`, `recorded` or `live`.
        results: of the jobs that succeeded, in the order of the jobs.
        failed: error messages by job.
    """

    label: str
    results: Mapping[Job, Result]
    failed: Mapping[Job, str]


def plan_jobs(
    comparison: Comparison, hosts: int = 1, *, check: bool = True
) -> tuple[str, list[Job]]:
    """The world's label and all jobs, seed by seed; every method's config is built once.

    Args:
        comparison: what is compared.
        hosts: on how many machines the jobs will run.
        check: build every method's config; else only the experiment's, for configs that are known
            to be right.

    Raises:
        ConfigError: a config, key or value that `abgnn fit` does not accept, a row that cannot
            be made in this world, or a recording that the hosts do not share.
    """
    silence()
    experiment = build(comparison.fit, [*_shared(comparison, comparison.seeds[0]), *QUIET])
    model = experiment.model
    check_readable(comparison, model.label, experiment.data)
    live: tuple[str, ...] = ()
    if model.label == "live" and model.rollout_settings.recording.path is None:
        live = (f"--model.rollout.recording.path={Path(comparison.out) / 'calls.sqlite'}",)
    jobs = [
        job
        for seed in comparison.seeds
        for method in comparison.methods
        for job in _jobs_of(comparison, method, seed, model.mas, live)
    ]
    first = {job.method: job for job in reversed(jobs)} if check else {}  # of each method
    for job in first.values():
        built = build(job.configs, [*job.overrides, *QUIET])
        check_shared(built.model.rollout_settings, hosts)
        if job.plain in TAUGHT:
            flags = [*job.overrides, *QUIET]
            check_teachable(job.plain, job.configs, flags, built.model.mas)
    return model.label, jobs


AT_COST = ("self-consistency", NAIVE, *CALIBRATED)  # plain rows that depend on the cost budgets


def _jobs_of(
    comparison: Comparison, method: Method, seed: int, mas: BaseMAS, live: tuple[str, ...]
) -> Iterator[Job]:
    """A job per operating point; a method's settings override the shared ones."""
    configs = (*comparison.fit, *method.configs)
    once = (*PLANNERS, *TAUGHT)  # they learn once for all points
    shared = comparison.calls_of_ours if method.plain in once else comparison.train_calls
    calls = shared if method.train_calls is None else method.train_calls
    common = (f"--trainer.max_epochs={comparison.max_epochs}", *_shared(comparison, seed), *live)
    for point, settings in method.operating_points(mas.catalogue.names).items():
        yield Job(
            method=method.name,
            point=point,
            seed=seed,
            configs=configs,
            overrides=(*common, *arguments(method.set), *arguments(settings)),
            plain=method.plain,
            train_calls=calls if method.plain in (None, *once) else 0,
            samples=comparison.samples,
            budgets=comparison.cost_budgets if method.plain in AT_COST else (),
            waits=comparison.latency_budgets if method.plain in CALIBRATED else (),
            world=digest([*configs, mas.catalogue_file]),
        )


def run_jobs(
    jobs: Sequence[Job],
    label: str,
    folder: Path,
    scheduler: Scheduler,
    console: Console,
    progress: Progress | None = None,
) -> Finished:
    """Run the jobs without a result; a job that fails, or whose process dies, stops no other."""
    folder.mkdir(parents=True, exist_ok=True)
    stored = {job: read_result(job, folder) for job in jobs}
    results = {job: result for job, result in stored.items() if result is not None}
    if results:
        console.print(f"{len(results)} of {len(jobs)} jobs are done already ({folder})")
    todo = [job for job in jobs if job not in results]
    failed: dict[Job, str] = {}
    for i, ended in run_shown(scheduler, run_job, todo, progress):
        job = todo[i]
        if isinstance(ended, Failed):
            failed[job] = ended.why
        else:
            write_result(job, ended, folder)
            results[job] = ended
        _print_job(job, results.get(job), len(results) + len(failed), len(jobs), label, console)
    return Finished(label, {job: results[job] for job in jobs if job in results}, failed)


def silence() -> None:
    """No messages of libraries about themselves and about seeds."""
    quiet()
    hush_seeds()


def _print_job(
    job: Job, result: Result | None, done: int, of: int, label: str, console: Console
) -> None:
    where = (
        f"{done:4d} of {of}  {', '.join(dict.fromkeys((job.method, job.point)))}, seed {job.seed}"
    )
    if result is None:
        console.print(f"{where}: failed", style="red", markup=False, highlight=False)
        return
    best = max(result.rows, key=lambda row: row.performance)
    figures = f"{best.performance:.3f} at {1e3 * best.cost_usd:.3g} mUSD, {best.latency_s:.3g} s"
    figures = f"{len(result.rows)} rows, the best one {figures}" if job.plain else figures
    failed = max(row.failed for row in result.rows)
    figures += f", {failed:.0%} failed" if failed else ""
    calls = f", {result.train_calls} training calls" if result.train_calls else ""
    calls += f" on {result.train_questions} questions" if result.train_questions else ""
    console.print(f"{where}: {figures} ({label}){calls}", markup=False, highlight=False)


def _shared(comparison: Comparison, seed: int) -> tuple[str, ...]:
    """Arguments of all methods: the seed, and the comparison's own settings."""
    return arguments({**dict.fromkeys(comparison.seeded, seed), **comparison.set})
