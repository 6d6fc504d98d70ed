"""Table 2 of the paper: systems as they are, compared with a policy plugged into them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from abgnn.data.resources import config_path
from abgnn.errors import ConfigError
from abgnn.experiments.compare.config import Comparison, mapping
from abgnn.experiments.compare.controls import VANILLA
from abgnn.experiments.compare.plugin_table import Plugged, write_plugin_tables
from abgnn.experiments.compare.report import write_comparison
from abgnn.experiments.compare.run import Finished, plan_jobs, run_jobs
from abgnn.experiments.jobs.scheduler import Scheduler
from abgnn.experiments.progress import Progress

_OWN = ("framework", "cost_budgets", "latency_budgets")  # keys of each system


@dataclass(frozen=True, slots=True)
class PluginComparison:
    """One comparison per system; all have the same methods, seeds and numbers of training calls.

    Args:
        systems: by name; `base` of each is the system as it is, on every single LLM in turn.
        out: folder of all of them.
    """

    systems: Mapping[str, Comparison]
    out: str

    @classmethod
    def from_yaml(cls, name: str) -> PluginComparison:
        """Read a config with the key `frameworks`: name → framework, cost and latency budgets.

        All other keys are as in `Comparison`, `base` being a method with `plain: vanilla`.

        Raises:
            ConfigError: an unknown or missing key, no system, a base that is not vanilla.
        """
        path = config_path(name)
        shared = [f.name for f in fields(Comparison) if f.name not in _OWN]
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        data = mapping(content, path.name, ["frameworks", *shared])
        where = f"{path.name}: frameworks"
        entries = data.pop("frameworks", None)
        if not isinstance(entries, dict) or not entries:
            raise ConfigError(
                where, entries, "a mapping from a name to a framework and its budgets"
            )
        out = str(data.get("out", "runs/compare-plugins"))
        made = {
            str(n): _system(data, entry, f"{where}[{n}]", path.name, f"{out}/{_slug(str(n))}")
            for n, entry in entries.items()
        }
        return cls(made, out)

    def with_seeds(self, count: int | None) -> PluginComparison:
        """A copy that stops after the first `count` seeds; None: all."""
        return replace(self, systems={n: c.with_seeds(count) for n, c in self.systems.items()})

    def with_files(self, **files: str | None) -> PluginComparison:
        """A copy whose datamodule reads these files; None: unchanged."""
        return replace(self, systems={n: c.with_files(**files) for n, c in self.systems.items()})

    def with_out(self, out: str | None) -> PluginComparison:
        """A copy that writes into another folder; None: unchanged."""
        if out is None:
            return self
        moved = {n: replace(c, out=f"{out}/{_slug(n)}") for n, c in self.systems.items()}
        return replace(self, systems=moved, out=out)


def compares_plugins(name: str) -> bool:
    """Whether a config is one for `PluginComparison`."""
    content = yaml.safe_load(config_path(name).read_text(encoding="utf-8"))
    return isinstance(content, dict) and "frameworks" in content


def compare_plugins(
    plugins: PluginComparison,
    scheduler: Scheduler,
    console: Console,
    progress: Progress | None = None,
) -> dict[str, Finished]:
    """Run the missing jobs, system by system; then write the tables of each, and Table 2."""
    planned = {name: plan_jobs(c, scheduler.hosts) for name, c in plugins.systems.items()}
    ran: dict[str, Finished] = {}
    plugged: dict[str, Plugged] = {}
    for name, comparison in plugins.systems.items():
        (label, jobs), out = planned[name], Path(comparison.out)
        jobs_at = f"results ({label}): {out / 'jobs'}"
        line = f"{name}: {len(jobs)} jobs in {scheduler}; {jobs_at}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)
        ran[name] = run_jobs(jobs, label, out / "jobs", scheduler, console, progress)
        if ran[name].results:
            write_comparison(comparison, jobs, ran[name].results, label, console)
            plugged[name] = Plugged(comparison, jobs, ran[name].results, label)
    write_plugin_tables(plugged, Path(plugins.out), console)
    return ran


def _system(
    shared: Mapping[str, Any], entry: object, where: str, file: str, out: str
) -> Comparison:
    own = mapping(entry, where, _OWN)
    for key in _OWN:
        if key not in own:
            raise ConfigError(f"{where}.{key}", None, "a value; it is required")
    settings = shared.get("set", {})
    if not isinstance(settings, dict):
        raise ConfigError(f"{file}: set", settings, "a mapping from keys to values")
    budgets = {key: own[key] for key in _OWN[1:]}
    settings = {**settings, "model.mas.framework": own["framework"]}
    made = Comparison.read({**shared, **budgets, "set": settings, "out": out}, file)
    base = next(method for method in made.methods if method.name == made.base)
    if base.plain != VANILLA:
        raise ConfigError(f"{file}: base", made.base, f"a method with `plain: {VANILLA}`")
    return made


def _slug(name: str) -> str:
    return re.sub(r"\W+", "-", name.lower()).strip("-")
