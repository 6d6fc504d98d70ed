"""`abgnn inductive`: the same weights on other catalogues, without retraining (section 4.4)."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from abgnn.data.catalogue import Catalogue
from abgnn.data.outcome import Outcome
from abgnn.errors import ConfigError
from abgnn.evaluation.frontier import narrow_area, performance_at
from abgnn.experiments.compare.config import Comparison
from abgnn.experiments.compare.job import QUIET, Job
from abgnn.experiments.compare.planner import budget_policies, calibrate_with
from abgnn.experiments.compare.run import plan_jobs
from abgnn.experiments.compare.table import AXES, budgets_of, interval
from abgnn.experiments.experiment import Experiment, build, load
from abgnn.experiments.transfer import for_catalogue
from abgnn.graph.base_mas import BaseMAS
from abgnn.models.fixed import FixedGraph
from abgnn.models.policy import Policy
from abgnn.planning.calibration import Calibration
from abgnn.plots.inductive import draw_inductive
from abgnn.pools.estimates import expected_accuracy
from abgnn.training.call_budget import CallBudget
from abgnn.training.evaluate import Row, evaluate, summarise

ORIGINAL = "as trained"
PLANNER, SINGLE = "planner", "single LLM"
WITHOUT = ("Qwen3-235B-A22B", "Qwen3-235B-A22B-thinking")
UNSEEN = "catalogues/transfer.yaml"
WIDE = 4  # times the last budget: about where the base MAS of Appendix D stands


@dataclass(frozen=True, slots=True)
class Change:
    """Which backbones go and come.

    Args:
        without: names that are removed in the first variant.
        added: catalogue file whose backbones are added in the second.
    """

    without: tuple[str, ...] = WITHOUT
    added: str = UNSEEN

    def variants(self, trained: Catalogue) -> dict[str, Catalogue]:
        """Name → catalogue; the first is that of the training."""
        more = Catalogue.from_yaml(Path(self.added))
        return {
            ORIGINAL: trained,
            f"without {len(self.without)}": trained.without(self.without),
            f"with {len(more)} unseen": trained.merged(more),
        }


@dataclass(frozen=True, slots=True)
class Measured:
    """One system on one catalogue at one of its points.

    Args:
        system: AgentBalance, planner, or single LLM.
        catalogue: which variant.
        seed: of questions and world.
        row: the figures.
        calls: LLM calls by backbone.
    """

    system: str
    catalogue: str
    seed: int
    row: Row
    calls: Mapping[str, int]


def scored(catalogue: Catalogue, domain: str) -> Catalogue:
    """A copy for the simulated world, where a backbone must have a score.

    Who has none published is as good there as its peers let expect. Policies and planner never
    see that score.
    """
    return Catalogue(
        tuple(
            b
            if b.benchmarks.get(domain)
            else replace(
                b,
                benchmarks={
                    **b.benchmarks,
                    domain: {"estimated": 100 * expected_accuracy(b, domain, catalogue)},
                },
            )
            for b in catalogue
        ),
        catalogue.priced,
    )


def inductive(
    comparison: Comparison, change: Change, checkpoints: Sequence[str], console: Console
) -> Iterator[list[Measured]]:
    """Train the points of `ours` (or load them), then evaluate on every catalogue; seed by seed.

    The planner calibrates once, on the first catalogue, with as many calls as a point trains on.

    Args:
        comparison: experiment, operating points, budgets, seeds.
        change: of the catalogue.
        checkpoints: trained policies instead of training, one per operating point.
        console: says what is done.
    """
    label, jobs = plan_jobs(comparison)
    for seed in comparison.seeds:
        mine = [job for job in jobs if job.seed == seed and job.method == comparison.ours]
        if not mine:
            raise ConfigError("ours", comparison.ours, "a method with operating points")
        experiment, policies = _policies(mine, checkpoints, seed)
        asked = Calls(experiment, comparison)
        known = calibrate_with(experiment, comparison.train_calls, seed)
        found: list[Measured] = []
        for name, catalogue in change.variants(experiment.model.mas.catalogue).items():
            console.print(f"seed {seed}, catalogue {name}: {len(catalogue)} LLMs ({label})")
            mas = experiment.model.mas.with_catalogue(catalogue)
            systems = [(comparison.ours, *pair) for pair in policies]
            systems += [(PLANNER, *pair) for pair in _planned(known, mas, comparison, seed)]
            systems += [(SINGLE, *pair) for pair in _singles(mas)]
            found += asked.on(mas, name, seed, systems)
        yield found


def _policies(
    jobs: Sequence[Job], checkpoints: Sequence[str], seed: int
) -> tuple[Experiment, list[tuple[str, Policy]]]:
    """What is evaluated: trained here with the jobs' calls, or loaded."""
    experiment, policies = build(jobs[0].configs, [*jobs[0].overrides, *QUIET]), []
    if checkpoints:
        return experiment, [(Path(c).stem, load(c, None).policy) for c in checkpoints]
    for job in jobs:
        training = build(job.configs, [*job.overrides, *QUIET])
        training.trainer.callbacks.insert(0, CallBudget(job.train_calls))  # type: ignore[attr-defined]
        training.fit()
        policies.append((job.point, training.model.policy))
    return experiment, policies


def _planned(
    known: Calibration, mas: BaseMAS, comparison: Comparison, seed: int
) -> list[tuple[str, Policy]]:
    """A plan for each budget from an old calibration and the profiles of the new backbones."""
    calibration = for_catalogue(known, mas)
    costs, waits = comparison.cost_budgets, comparison.latency_budgets
    return budget_policies(calibration, costs, waits, seed)


def _singles(mas: BaseMAS) -> Iterator[tuple[str, Policy]]:
    lead = mas.template.roles[mas.template.lead].name
    yield from ((name, FixedGraph(name, [lead])) for name in mas.catalogue.names)


class Calls:
    """Evaluates systems on the held-out questions of one experiment."""

    def __init__(self, experiment: Experiment, comparison: Comparison) -> None:
        self.experiment, self.samples = experiment, comparison.samples
        experiment.data.setup("test")
        self.queries = experiment.data.queries("test")

    def on(
        self, mas: BaseMAS, name: str, seed: int, systems: Sequence[tuple[str, str, Policy]]
    ) -> list[Measured]:
        """Figures of every system with the catalogue of `mas`, whose name is `name`."""
        model = self.experiment.model
        trained, model.mas = model.mas, mas
        if model.label == "simulated":
            model.mas = mas.with_catalogue(scored(mas.catalogue, mas.domain))
        try:
            with model.new_executor(self.experiment.data) as executor:
                executor.check()
                ran = [
                    (s, point, evaluate(p, mas, executor, self.queries, samples=self.samples))
                    for s, point, p in systems
                ]
        finally:
            model.mas = trained
        return [
            Measured(s, name, seed, summarise(point, outcomes), _shares(outcomes))
            for s, point, outcomes in ran
        ]


def _shares(outcomes: Sequence[Outcome]) -> dict[str, int]:
    return dict(Counter(call.backbone for outcome in outcomes for call in outcome.calls))


def figures(comparison: Comparison, rows: Sequence[Measured]) -> dict[str, float]:
    """P@ budgets and areas of one system on one catalogue with one seed.

    `AUC` runs to `WIDE` times the last budget, `narrow` to the last budget, both with the system's
    own value at the end: Appendix D's base point is another one on every catalogue. Both are mean
    performances.
    """
    values: dict[str, float] = {}
    for axis, letter, short in AXES:
        points = _points(rows, axis)
        budgets = budgets_of(comparison, axis)
        for k, budget in enumerate(budgets, 1):
            values[f"P@{letter}{k}"] = performance_at(points, budget)
        values[f"AUC_{short}"] = narrow_area(points, WIDE * budgets[-1], normalise=True)
        values[f"narrow_{short}"] = narrow_area(points, budgets[-1], normalise=True)
    return values


def _points(rows: Sequence[Measured], axis: str) -> NDArray[np.float64]:
    return np.array([(getattr(m.row, axis), m.row.performance) for m in rows])


def shares(found: Sequence[Measured], system: str, catalogue: str) -> dict[str, float]:
    """Share of LLM calls by backbone, over all points and seeds."""
    total: Counter[str] = Counter()
    for m in found:
        if m.system == system and m.catalogue == catalogue:
            total.update(m.calls)
    return {name: count / total.total() for name, count in total.most_common()}


def write_inductive(
    comparison: Comparison, found: Sequence[Measured], label: str, console: Console
) -> Path:
    """points.csv, shares.csv, tables and the picture in Figure 4's layout; returns the latter."""
    out = Path(comparison.out)
    out.mkdir(parents=True, exist_ok=True)
    _write_points(out / "points.csv", found, label)
    by_seed: dict[tuple[str, str], list[dict[str, float]]] = {}
    for (system, catalogue, _), rows in _grouped(found).items():
        by_seed.setdefault((system, catalogue), []).append(figures(comparison, rows))
    console.print(_table(by_seed, f"the same weights, other catalogues ({label})"))
    console.print(_differences(by_seed, f"minus {ORIGINAL}, paired by seed, ± 95 % ({label})"))
    used = {key: shares(found, *key) for key in by_seed if key[0] != SINGLE}
    _write_shares(out / "shares.csv", used, label)
    means = {
        key: {axis: interval([v[axis] for v in values])[0] for axis in ("narrow_tok", "narrow_lat")}
        for key, values in by_seed.items()
        if key[0] != SINGLE
    }
    picture = out / f"inductive-{label}.png"
    draw_inductive(used, means, picture, simulated=label == "simulated")
    console.print(f"{out}/points.csv, shares.csv, {picture.name} ({label})", soft_wrap=True)
    return picture


def _grouped(found: Sequence[Measured]) -> dict[tuple[str, str, int], list[Measured]]:
    groups: dict[tuple[str, str, int], list[Measured]] = {}
    for m in found:
        groups.setdefault((m.system, m.catalogue, m.seed), []).append(m)
    return groups


def _table(by_seed: Mapping[tuple[str, str], Sequence[Mapping[str, float]]], title: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("system", no_wrap=True)
    table.add_column("catalogue", no_wrap=True)
    named = list(next(iter(by_seed.values()))[0])
    for column in named:
        table.add_column(column, justify="right")
    for (system, catalogue), values in by_seed.items():
        cells = [f"{100 * interval([v[c] for v in values])[0]:.1f}" for c in named]
        table.add_row(system, catalogue, *cells)
    return table


def _differences(
    by_seed: Mapping[tuple[str, str], Sequence[Mapping[str, float]]], title: str
) -> Table:
    """Areas on other catalogues less those on the first one, in points."""
    named = [f"{window}_{short}" for window in ("AUC", "narrow") for _, _, short in AXES]
    table = Table(title=title, title_justify="left")
    for head in ("system", "catalogue", *named):
        table.add_column(head, justify="right" if head in named else "left", no_wrap=True)
    for (system, catalogue), values in by_seed.items():
        if catalogue != ORIGINAL:
            base = by_seed[system, ORIGINAL]
            pairs = [
                interval([100 * (v[c] - b[c]) for v, b in zip(values, base, strict=True)])
                for c in named
            ]
            table.add_row(system, catalogue, *(f"{m:+.1f} ± {h:.1f}" for m, h in pairs))
    return table


def _write_points(path: Path, found: Sequence[Measured], label: str) -> None:
    names = [f.name for f in fields(Row)]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["source", "system", "catalogue", "seed", *names])
        for m in found:
            row = asdict(m.row)
            writer.writerow([label, m.system, m.catalogue, m.seed, *(row[n] for n in names)])


def _write_shares(
    path: Path, used: Mapping[tuple[str, str], Mapping[str, float]], label: str
) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["source", "system", "catalogue", "backbone", "share_of_calls"])
        for (system, catalogue), of in used.items():
            for backbone, share in of.items():
                writer.writerow([label, system, catalogue, backbone, f"{share:.4f}"])
