"""A frontier: train and evaluate a set of operating points, beside untrained controls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from abgnn.data.resources import config_path
from abgnn.data.template import Kind
from abgnn.errors import ConfigError
from abgnn.evaluation.frontier import area_under_curve, narrow_area, performance_at
from abgnn.evaluation.rows import Row, summarise
from abgnn.experiments.compare.budgets import budgets_of_rows
from abgnn.experiments.experiment import Experiment, build
from abgnn.experiments.loops import LOOPS, loops_for
from abgnn.experiments.progress import Progress, watch
from abgnn.models.fixed import FixedGraph, RandomGraph
from abgnn.models.policy import Policy
from abgnn.planning.budgets import Budget
from abgnn.plots.frontier import draw_frontiers
from abgnn.rollout.telemetry.switch import set_up
from abgnn.training.callbacks import HeldOutTable
from abgnn.training.evaluate import evaluate
from abgnn.training.rows_table import rows_table, write_rows

TOPOLOGIES: tuple[Kind, ...] = ("complete", "chain", "star", "layered")
Rows = dict[str, list[Row]]
_PLAIN = ("--model.calibration=null", "--trainer.enable_progress_bar=false")


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """One row of the paper's Table 6: λ's of Eq 9, pools allowed, difficulty offset.

    The last two are `AgentBalance`'s; left out, they are those of the experiment's config.
    """

    lambda_tok: float
    lambda_lat: float
    upper_bound: int | None = None
    delta: float | None = None

    def overrides(self) -> list[str]:
        """As arguments of `abgnn fit`."""
        values = {"policy.init_args.upper_bound": self.upper_bound,
                 "policy.init_args.delta": self.delta,
                 "lambda_tok": self.lambda_tok, "lambda_lat": self.lambda_lat}  # fmt: skip
        return [f"--model.{key}={value}" for key, value in values.items() if value is not None]


@dataclass(frozen=True, slots=True)
class Sweep:
    """The config of `abgnn frontier`.

    Args:
        fit: configs of the experiment, as for `abgnn fit`.
        points: operating points, trained one after another.
        cost_budgets: mean USD per query at which P@T is shown.
        latency_budgets: mean seconds per query at which P@L is shown.
        variants: name → overrides of `fit`, further `--config NAME` among them; every variant is
            trained at every point.
        samples: rollouts per held-out query.
        topologies: fixed graphs to show, each with every single backbone.
        out: folder of points.csv, table and picture.
        loops: closed loops, too, at a grid of budgets: those above, one below each, the cheapest,
            and none. They are planned before anything is trained, from one calibration.
        calibration: a file of `abgnn calibrate` to plan them from; None: every LLM is asked every
            training question.
    """

    fit: tuple[str, ...]
    points: tuple[OperatingPoint, ...]
    cost_budgets: tuple[float, ...]
    latency_budgets: tuple[float, ...]
    variants: Mapping[str, Sequence[str]] = field(default_factory=lambda: {"AgentBalance": ()})
    samples: int = 1
    topologies: tuple[Kind, ...] = TOPOLOGIES
    out: str = "runs/frontier"
    loops: bool = False
    calibration: str | None = None

    @classmethod
    def from_yaml(cls, name: str) -> Sweep:
        """Read a frontier config; unknown or missing keys are a ConfigError."""
        path = config_path(name)
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        _check_keys(path.name, data, cls, required=4)
        points = data.pop("points")
        for i, point in enumerate(points):
            _check_keys(f"{path.name}: points[{i}]", point, OperatingPoint, required=2)
        plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
        return cls(points=tuple(OperatingPoint(**p) for p in points), **plain)

    def with_overrides(self, overrides: Sequence[str]) -> Sweep:
        """A copy whose every variant takes these arguments of `abgnn fit` too, last."""
        variants = {name: (*own, *overrides) for name, own in self.variants.items()}
        return replace(self, variants=variants)


def _check_keys(where: str, data: object, cls: type[Any], required: int) -> None:
    names = [f.name for f in fields(cls)]
    if not isinstance(data, dict):
        raise ConfigError(where, data, f"a mapping with {names}")
    for key in data:
        if key not in names:
            raise ConfigError(f"{where}: {key}", data[key], f"keys {names}")
    for key in names[:required]:
        if key not in data:
            raise ConfigError(f"{where}: {key}", None, "a value; it is required")


def run_sweep(sweep: Sweep, console: Console, progress: Progress | None = None) -> Rows:
    """Train every point, evaluate everything, write and print table, CSV and picture."""
    loops = loop_rows(sweep, progress) if sweep.loops else {}
    rows: Rows = {}
    experiment: Experiment | None = None
    for name in sweep.variants:
        for i, point in enumerate(sweep.points, 1):
            console.print(f"{name}, operating point {i} of {len(sweep.points)}: {point}")
            experiment = point_experiment(sweep, name, i)
            total = None if rows or loops else planned_rollouts(sweep, experiment)
            watch(progress, experiment.model, total)
            add_rows(rows, name, trained_rows(experiment, sweep, i))
    if experiment is None:
        raise ConfigError("points", sweep.points, "at least one operating point, and one variant")
    rows |= loops | control_rows(experiment, sweep)
    write_sweep(sweep, rows, experiment.model.label, console)
    return rows


def point_experiment(
    sweep: Sweep, name: str, number: int, overrides: Sequence[str] = ()
) -> Experiment:
    """The experiment of a variant at an operating point, which are numbered from 1."""
    point = sweep.points[number - 1].overrides()
    return _experiment(sweep, *sweep.variants[name], *point, *overrides)


def _experiment(sweep: Sweep, *overrides: str) -> Experiment:
    """The sweep's experiment with these arguments; its telemetry is set up."""
    experiment = build(sweep.fit, [*_PLAIN, *overrides])
    set_up(experiment.model.rollout_settings.telemetry)
    return experiment


def trained_rows(experiment: Experiment, sweep: Sweep, number: int) -> tuple[Row, Row]:
    """Train; the held-out rows before REINFORCE, and after."""
    held_out = HeldOutTable(singles=False, samples=sweep.samples, show=False)
    experiment.trainer.callbacks.append(held_out)  # type: ignore[attr-defined]
    experiment.fit()
    before, after = held_out.rows
    return replace(before, name=f"point {number}"), replace(after, name=f"point {number}")


def add_rows(rows: Rows, name: str, pair: tuple[Row, Row]) -> None:
    """Add what `trained_rows` returned of a variant."""
    before, after = pair
    rows.setdefault(name, []).append(after)
    rows.setdefault(f"{name}, before REINFORCE", []).append(before)


def planned_rollouts(sweep: Sweep, experiment: Experiment) -> int:
    """Rollouts of a whole sweep: training, validation, held-out questions, controls.

    The experiment is that of one point; all are taken to train for as many epochs.
    """
    model, data = experiment.model, experiment.data
    data.setup("fit")
    train, val, test = (len(data.queries(split)) for split in ("train", "val", "test"))
    epochs = max(experiment.trainer.max_epochs or 1, 1)
    fit = epochs * (train * model.samples + val) + 2 * test * sweep.samples
    controls = sum(1 for _ in _controls(experiment, sweep.topologies)) * test * sweep.samples
    loops = len(_grid(sweep)) * test * sweep.samples if sweep.loops else 0
    if sweep.loops and sweep.calibration is None:
        loops += train * len(model.mas.catalogue)
    return len(sweep.variants) * len(sweep.points) * fit + controls + loops


def loop_rows(sweep: Sweep, progress: Progress | None = None) -> Rows:
    """Closed loops of one calibration at every budget of the grid.

    Raises:
        ConfigError: see `loops_for`.
    """
    experiment = _experiment(sweep, *next(iter(sweep.variants.values()), ()))
    model, data = experiment.model, experiment.data
    watch(progress, model, planned_rollouts(sweep, experiment))
    at = loops_for(experiment, sweep.calibration, nearest=True)
    queries = data.queries("test")
    with model.new_executor(data) as executor:
        executor.check()
        made = [
            (name, evaluate(at(budget), model.mas, executor, queries, samples=sweep.samples))
            for name, budget in _grid(sweep)
        ]
    return {LOOPS: [summarise(name, outcomes) for name, outcomes in made]}


def _grid(sweep: Sweep) -> list[tuple[str, Budget]]:
    return budgets_of_rows(sweep.cost_budgets, sweep.latency_budgets)


def control_rows(experiment: Experiment, sweep: Sweep) -> Rows:
    """Untrained controls: single LLMs, random plans, fixed graphs with one LLM each."""
    model, data = experiment.model, experiment.data
    executor = model.new_executor(data)
    queries = data.queries("test")
    rows: Rows = {}
    try:
        for group, name, policy in _controls(experiment, sweep.topologies):
            outcomes = evaluate(policy, model.mas, executor, queries, samples=sweep.samples)
            rows.setdefault(group, []).append(summarise(name, outcomes))
    finally:
        executor.close()
    return rows


def _controls(
    experiment: Experiment, topologies: Sequence[Kind]
) -> Iterator[tuple[str, str, Policy]]:
    mas = experiment.model.mas
    lead = mas.template.roles[mas.template.lead].name
    for name in mas.catalogue.names:
        yield "single LLM", name, FixedGraph(name, [lead])
    yield "random plans", "random plans", RandomGraph()
    for topology in topologies:
        for name in mas.catalogue.names:
            yield topology, f"{topology} {name}", FixedGraph(name, edges=topology)


def write_sweep(sweep: Sweep, rows: Rows, label: str, console: Console) -> None:
    """points.csv, the two tables and the picture of both curves."""
    out = Path(sweep.out)
    flat = [_named(group, row) for group, group_rows in rows.items() for row in group_rows]
    write_rows(flat, out / "points.csv", label=label)
    shown = [_named(g, r) for g, group in rows.items() if g not in sweep.topologies for r in group]
    console.print(rows_table(shown, "points (fixed graphs: see points.csv)", label=label))
    console.print(budget_table("cost_usd", sweep.cost_budgets, rows, label))
    console.print(budget_table("latency_s", sweep.latency_budgets, rows, label))
    picture = out / f"frontier-{label}.png"
    draw_frontiers(
        {group: _pairs(r, "cost_usd") * [1e3, 1] for group, r in rows.items()},
        {group: _pairs(r, "latency_s") for group, r in rows.items()},
        picture,
        title=f"Performance within a budget: {out.name}",
        cost_unit="mUSD",
        log_x=True,
        simulated=label == "simulated",
    )
    console.print(f"points: {out / 'points.csv'}   picture: {picture}   ({label})")


def budget_table(axis: str, budgets: Sequence[float], rows: Rows, label: str) -> Table:
    """P@ by Eq 12 and areas, per group of rows.

    `AUC` is Appendix D's area with the base MAS's point appended (the complete graph with the
    most expensive backbone), `narrow` the area up to the last budget with the method's own value
    at its end; both divided by their window, so they are mean performances.
    """
    unit, scale = ("mUSD", 1e3) if axis == "cost_usd" else ("s", 1.0)
    title = f"performance at budgets in {unit} per query ({label})"
    table = Table(title=title, title_justify="left")
    table.add_column("method", no_wrap=True)
    for column in (*(f"≤ {scale * b:.3g}" for b in budgets), "AUC", "narrow"):
        table.add_column(column, justify="right")
    base = max(rows.get("complete") or rows["single LLM"], key=lambda r: getattr(r, axis))
    end = (float(getattr(base, axis)), base.performance)
    for group, group_rows in rows.items():
        points = _pairs(group_rows, axis)
        areas = (
            area_under_curve(points, end) / end[0],
            narrow_area(points, budgets[-1], normalise=True),
        )
        values = (*(performance_at(points, b) for b in budgets), *areas)
        table.add_row(group, *(f"{v:.3f}" for v in values))
    return table


def _pairs(rows: Sequence[Row], budget: str) -> NDArray[np.float64]:
    return np.array([(getattr(r, budget), r.performance) for r in rows], dtype=np.float64)


def _named(group: str, row: Row) -> Row:
    return row if row.name.startswith(group) else replace(row, name=f"{group}: {row.name}")
