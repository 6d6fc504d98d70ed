"""`abgnn compare`: methods on the same budgets, worlds, questions and number of training calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from abgnn.errors import ConfigError
from abgnn.evaluation.compare_config import Comparison
from abgnn.evaluation.compare_report import write_comparison
from abgnn.evaluation.compare_run import Ran, cores, plan_jobs, run_jobs


def compare(comparison: Comparison, workers: int, console: Console) -> Ran:
    """Run what is missing, then write and print everything; see `Comparison`."""
    label, jobs = plan_jobs(comparison)
    out = Path(comparison.out)
    console.print(f"{len(jobs)} jobs in {workers} processes; results ({label}): {out / 'jobs'}")
    ran = run_jobs(jobs, label, out / "jobs", workers, console)
    if ran.results:
        write_comparison(comparison, jobs, ran.results, label, console)
    for job, error in ran.failed.items():
        said = f"failed: {job.method}, {job.point}, seed {job.seed}: {error}"
        console.print(said, style="red", markup=False, highlight=False, soft_wrap=True)
    return ran


def compare_command(
    config: str | None,
    out: str | None,
    seeds: int | None,
    workers: int | None,
    files: Mapping[str, str | None],
    console: Console,
) -> int:
    """Carry out `abgnn compare`; 1 if a job has failed.

    `files`: of the datamodule, by the name of its argument; None: as its config has it.
    """
    if config is None:
        raise ConfigError("--config", None, "a compare config, see configs/compare")
    comparison = Comparison.from_yaml(config).with_seeds(seeds).with_files(**files)
    comparison = replace(comparison, out=out or comparison.out)
    return int(bool(compare(comparison, workers or cores(), console).failed))
