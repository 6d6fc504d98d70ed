"""`abgnn inductive`: the same weights on other catalogues, without retraining (section 4.4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from abgnn.data.catalogue import Catalogue
from abgnn.data.outcome import Outcome
from abgnn.errors import ConfigError
from abgnn.evaluation.rows import Row, summarise
from abgnn.experiments.compare.config import Comparison
from abgnn.experiments.compare.job import QUIET, Job
from abgnn.experiments.compare.planner import budget_policies, calibrate_with
from abgnn.experiments.compare.run import plan_jobs
from abgnn.experiments.deployment import Deployment
from abgnn.experiments.experiment import Experiment, build
from abgnn.experiments.trained import from_checkpoint
from abgnn.experiments.transfer import for_catalogue
from abgnn.graph.base_mas import BaseMAS
from abgnn.models.fixed import FixedGraph
from abgnn.models.policy import Policy
from abgnn.planning.calibration import Calibration
from abgnn.pools.estimates import expected_accuracy
from abgnn.training.call_budget import CallBudget
from abgnn.training.evaluate import evaluate

ORIGINAL = "as trained"
PLANNER, SINGLE = "planner", "single LLM"
WITHOUT = ("Qwen3-235B-A22B", "Qwen3-235B-A22B-thinking")
UNSEEN = "catalogues/transfer.yaml"
WIDE = 4  # times the last budget: about where the base MAS of Appendix D stands


@dataclass(frozen=True, slots=True)
class Change:
    """Which backbones are removed and added.

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

    One without a published score gets the score expected from its peers. Policies and planner do
    not see that score.
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
        console: shows progress.
    """
    label, jobs = plan_jobs(comparison)
    for seed in comparison.seeds:
        mine = [job for job in jobs if job.seed == seed and job.method == comparison.ours]
        if not mine:
            raise ConfigError("ours", comparison.ours, "a method with operating points")
        experiment, policies = _policies(mine, checkpoints, seed)
        evaluation = Calls(experiment, comparison)
        known = calibrate_with(experiment, comparison.train_calls, seed)
        measured: list[Measured] = []
        for name, catalogue in change.variants(experiment.model.mas.catalogue).items():
            console.print(f"seed {seed}, catalogue {name}: {len(catalogue)} LLMs ({label})")
            mas = experiment.model.mas.with_catalogue(catalogue)
            systems = [(comparison.ours, *pair) for pair in policies]
            systems += [(PLANNER, *pair) for pair in _planned(known, mas, comparison, seed)]
            systems += [(SINGLE, *pair) for pair in _singles(mas)]
            measured += evaluation.on(mas, name, seed, systems)
        yield measured


def _policies(
    jobs: Sequence[Job], checkpoints: Sequence[str], seed: int
) -> tuple[Experiment, list[tuple[str, Policy]]]:
    """The policies to evaluate: trained here with the jobs' calls, or loaded."""
    experiment, policies = build(jobs[0].configs, [*jobs[0].overrides, *QUIET]), []
    if checkpoints:
        return experiment, [(Path(c).stem, from_checkpoint(c).policy) for c in checkpoints]
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
        model, executed = self.experiment.model, mas
        if model.label == "simulated":
            executed = mas.with_catalogue(scored(mas.catalogue, mas.domain))
        here = Deployment(model.client, executed, model.rollout_settings, model.max_in_flight)
        with here.new_executor(self.experiment.data) as executor:
            executor.check()
            ran = [
                (s, point, evaluate(p, mas, executor, self.queries, samples=self.samples))
                for s, point, p in systems
            ]
        return [
            Measured(s, name, seed, summarise(point, outcomes), _shares(outcomes))
            for s, point, outcomes in ran
        ]


def _shares(outcomes: Sequence[Outcome]) -> dict[str, int]:
    return dict(Counter(call.backbone for outcome in outcomes for call in outcome.calls))
