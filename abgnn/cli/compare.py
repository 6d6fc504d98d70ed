"""`abgnn compare`: methods on the same budgets, worlds, questions and number of training calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from abgnn.cli.arguments import parse
from abgnn.errors import ConfigError
from abgnn.experiments.compare.config import Comparison
from abgnn.experiments.compare.plugins import PluginComparison, compare_plugins, compares_plugins
from abgnn.experiments.compare.report import write_comparison
from abgnn.experiments.compare.run import (
    Finished,
    cores,
    plan_jobs,
    run_jobs,
)


def compare(comparison: Comparison, workers: int, console: Console) -> Finished:
    """Run what is missing, then write and print everything; see `Comparison`."""
    label, jobs = plan_jobs(comparison)
    out = Path(comparison.out)
    console.print(f"{len(jobs)} jobs in {workers} processes; results ({label}): {out / 'jobs'}")
    ran = run_jobs(jobs, label, out / "jobs", workers, console)
    if ran.results:
        write_comparison(comparison, jobs, ran.results, label, console)
    _tell_failed(ran, console)
    return ran


def _tell_failed(ran: Finished, console: Console) -> None:
    for job, error in ran.failed.items():
        said = f"failed: {job.method}, {job.point}, seed {job.seed}: {error}"
        console.print(said, style="red", markup=False, highlight=False, soft_wrap=True)


def command(args: Sequence[str], console: Console) -> int:
    """`abgnn compare`."""
    given = parse(
        "compare",
        "Train and evaluate several methods on the same questions, worlds and number of LLM calls; "
        "writes jobs/, points.csv, table.csv, table.tex and a picture. Started again, it does "
        "what is missing.",
        {
            "--config": (str, None, "a compare config, for example compare/simulated-general.yaml"),
            "--out": (str, None, "folder of the results, instead of the config's"),
            "--seeds": (int, None, "how many of the config's seeds, from the first on (all)"),
            "--jobs": (int, None, "processes (as many as there are cores)"),
            "--path": (str, None, "file of the questions or recorded outcomes, instead of its own"),
            "--profiles": (str, None, "file of the recorded LLMs' prices, instead of its own"),
        },
        args,
    )
    files = {"path": given.path, "profiles": given.profiles}
    return compare_command(given.config, given.out, given.seeds, given.jobs, files, console)


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
    if compares_plugins(config):
        plugins = PluginComparison.from_yaml(config).with_seeds(seeds).with_files(**files)
        ran = compare_plugins(plugins.with_out(out), workers or cores(), console)
        for one in ran.values():
            _tell_failed(one, console)
        return int(any(one.failed for one in ran.values()))
    comparison = Comparison.from_yaml(config).with_seeds(seeds).with_files(**files)
    comparison = replace(comparison, out=out or comparison.out)
    return int(bool(compare(comparison, workers or cores(), console).failed))
