"""The jobs of a comparison, in parallel processes; jobs with a result are not repeated."""

from __future__ import annotations

import logging
import multiprocessing
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from abgnn.errors import ConfigError
from abgnn.experiments.compare.config import Comparison, Method, arguments
from abgnn.experiments.compare.controls import CALIBRATED, NAIVE, PLANNERS
from abgnn.experiments.compare.job import (
    QUIET,
    Job,
    Result,
    digest,
    read_result,
    run_job,
)
from abgnn.experiments.compare.readable import check_readable
from abgnn.experiments.experiment import build, quiet
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


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def plan_jobs(comparison: Comparison) -> tuple[str, list[Job]]:
    """The world's label and all jobs, seed by seed; every method's config is built once.

    Raises:
        ConfigError: a config, key or value that `abgnn fit` does not accept, or a row that cannot
            be made in this world.
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
    for job in {job.method: job for job in reversed(jobs)}.values():  # the first of each method
        build(job.configs, [*job.overrides, *QUIET])
    return model.label, jobs


AT_COST = ("self-consistency", NAIVE, *CALIBRATED)  # plain rows that depend on the cost budgets


def _jobs_of(
    comparison: Comparison, method: Method, seed: int, mas: BaseMAS, live: tuple[str, ...]
) -> Iterator[Job]:
    """A job per operating point; a method's settings override the shared ones."""
    configs = (*comparison.fit, *method.configs)
    shared = comparison.calls_of_ours if method.plain in PLANNERS else comparison.train_calls
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
            train_calls=calls if method.plain in (None, *PLANNERS) else 0,
            samples=comparison.samples,
            budgets=comparison.cost_budgets if method.plain in AT_COST else (),
            waits=comparison.latency_budgets if method.plain in CALIBRATED else (),
            world=digest([*configs, mas.catalogue_file]),
        )


def run_jobs(
    jobs: Sequence[Job],
    label: str,
    folder: Path,
    workers: int,
    console: Console,
    progress: Progress | None = None,
) -> Finished:
    """Run the jobs without a result; a job that fails, or whose process dies, stops no other."""
    if workers < 1:
        raise ConfigError("--jobs", workers, "a number of processes ≥ 1")
    folder.mkdir(parents=True, exist_ok=True)
    stored = {job: read_result(job, folder) for job in jobs}
    results = {job: result for job, result in stored.items() if result is not None}
    if results:
        console.print(f"{len(results)} of {len(jobs)} jobs are done already ({folder})")
    failed: dict[Job, str] = {}
    if progress is not None:
        progress.start(len(jobs) - len(results), "jobs")
    crew = workers
    while todo := [job for job in jobs if job not in results and job not in failed]:
        before = len(results) + len(failed)
        for job, ended in _run(todo, folder, min(crew, len(todo))):
            if isinstance(ended, Result):
                results[job] = ended
            else:
                failed[job] = ended
            if progress is not None:
                progress.advance(ended.spent_usd if isinstance(ended, Result) else 0.0)
            _print_job(job, results.get(job), len(results) + len(failed), len(jobs), label, console)
        if len(results) + len(failed) > before:
            crew = workers
        elif crew > 1:  # a process died, and all that ran with it is lost: run one at a time
            crew = 1
        else:
            failed[todo[0]] = "its process died (killed, or out of memory)"
    return Finished(label, {job: results[job] for job in jobs if job in results}, failed)


def _run(todo: Sequence[Job], folder: Path, workers: int) -> Iterator[tuple[Job, Result | str]]:
    """Every job as it ends; if a process dies, the unfinished jobs are missing."""
    context = multiprocessing.get_context("spawn")  # torch has threads: no fork
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=start_worker)
    try:
        jobs = {pool.submit(_attempt, job, str(folder)): job for job in todo}
        for future in as_completed(jobs):
            if not isinstance(future.exception(), BrokenProcessPool):
                yield jobs[future], future.result()
    finally:
        pool.shutdown(cancel_futures=True)  # interrupted: pending jobs do not start


def _attempt(job: Job, folder: str) -> Result | str:
    """A job's result, or its error message."""
    try:
        return run_job(job, folder)
    except Exception as bug:  # other jobs go on, and not every exception can be pickled
        return f"{type(bug).__name__}: {bug}"


def start_worker() -> None:
    """Initialise a worker: quiet, and ended when its parent ends, even by SIGKILL."""
    silence()
    parent = multiprocessing.parent_process()
    assert parent is not None, "runs in a worker"

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def silence() -> None:
    """No messages of libraries about themselves and about seeds."""
    quiet()
    logging.getLogger("lightning.fabric.utilities.seed").setLevel(logging.WARNING)


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
