"""`abgnn inductive` as jobs, one for each seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console

from abgnn.experiments.compare.config import Comparison
from abgnn.experiments.inductive import Change, Measured, run_seed, seed_jobs
from abgnn.experiments.jobs.bar import run_shown
from abgnn.experiments.jobs.scheduler import Failed, Scheduler
from abgnn.experiments.progress import Progress


def inductive_jobs(
    comparison: Comparison,
    change: Change,
    checkpoints: Sequence[str],
    scheduler: Scheduler,
    console: Console,
    progress: Progress | None = None,
) -> Iterator[tuple[int, list[Measured] | Failed]]:
    """What `inductive` measures, as jobs: every seed with its figures, or why there are none."""
    label, jobs = seed_jobs(comparison, change, checkpoints, scheduler.hosts)
    console.print(f"{len(jobs)} seeds in {scheduler}")
    for i, ended in run_shown(scheduler, run_seed, jobs, progress):
        seed = jobs[i].seed
        state = f"failed: {ended.why}" if isinstance(ended, Failed) else f"done ({label})"
        console.print(f"seed {seed}: {state}", markup=False, highlight=False, soft_wrap=True)
        yield seed, ended if isinstance(ended, Failed) else ended.measured
