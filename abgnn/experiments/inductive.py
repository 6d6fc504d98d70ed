"""`abgnn inductive`: the same weights on other catalogues, without retraining (section 4.4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from abgnn.rollout.in_flight import OnOutcome
from abgnn.rollout.telemetry.switch import set_up
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


@dataclass(frozen=True, slots=True)
class SeedJob:
    """All systems on all catalogues with one seed.

    Args:
        seed: of questions and world.
        training: a job of `ours` for each of its operating points.
        checkpoints: trained policies instead of training, one per operating point.
        change: of the catalogue.
        ours: what the trained policies are called.
        costs, waits: the planner's budgets.
        train_calls: LLM calls of its calibration.
        samples: rollouts per held-out query.
    """

    seed: int
    training: tuple[Job, ...]
    checkpoints: tuple[str, ...]
    change: Change
    ours: str
    costs: tuple[float, ...]
    waits: tuple[float, ...]
    train_calls: int
    samples: int


@dataclass(frozen=True, slots=True)
class SeedResult:
    """What a seed showed, and USD paid for it."""

    measured: list[Measured]
    spent_usd: float


def seed_jobs(
    comparison: Comparison,
    change: Change,
    checkpoints: Sequence[str],
    hosts: int = 1,
    *,
    check: bool = True,
) -> tuple[str, list[SeedJob]]:
    """The label of the figures, and a job for every seed; `hosts` and `check` as of `plan_jobs`.

    Raises:
        ConfigError: as `plan_jobs`; or `ours` has no operating points.
    """
    label, jobs = plan_jobs(comparison, hosts, check=check)
    made = []
    for seed in comparison.seeds:
        mine = tuple(job for job in jobs if job.seed == seed and job.method == comparison.ours)
        if not mine:
            raise ConfigError("ours", comparison.ours, "a method with operating points")
        made.append(
            SeedJob(
                seed,
                mine,
                tuple(checkpoints),
                change,
                comparison.ours,
                *comparison.budgets,
                comparison.train_calls,
                comparison.samples,
            )
        )
    return label, made


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
    label, jobs = seed_jobs(comparison, change, checkpoints)

    def show(seed: int, name: str, llms: int) -> None:
        console.print(f"seed {seed}, catalogue {name}: {llms} LLMs ({label})")

    for job in jobs:
        yield run_seed(job, show).measured


def run_seed(job: SeedJob, show: Callable[[int, str, int], None] | None = None) -> SeedResult:
    """Train and calibrate, then evaluate; `show` is told seed, name and size of each catalogue."""
    paid = list[float]()

    def pay(outcome: Outcome) -> None:
        paid.append(outcome.paid)

    experiment, policies = _policies(job, pay)
    evaluation = Calls(experiment, job.samples)
    known = calibrate_with(experiment, job.train_calls, job.seed)
    measured: list[Measured] = []
    for name, catalogue in job.change.variants(experiment.model.mas.catalogue).items():
        if show is not None:
            show(job.seed, name, len(catalogue))
        mas = experiment.model.mas.with_catalogue(catalogue)
        systems = [(job.ours, *pair) for pair in policies]
        systems += [(PLANNER, *pair) for pair in _planned(known, mas, job)]
        systems += [(SINGLE, *pair) for pair in _singles(mas)]
        measured += evaluation.on(mas, name, job.seed, systems)
    return SeedResult(measured, sum(paid))


def _policies(job: SeedJob, pay: OnOutcome) -> tuple[Experiment, list[tuple[str, Policy]]]:
    """The policies to evaluate: trained here with the jobs' calls, or loaded."""
    first, policies = job.training[0], []
    experiment = build(first.configs, [*first.overrides, *QUIET])
    experiment.model.on_outcome = pay
    set_up(experiment.model.rollout_settings.telemetry)
    if job.checkpoints:
        return experiment, [(Path(c).stem, from_checkpoint(c).policy) for c in job.checkpoints]
    for point in job.training:
        training = build(point.configs, [*point.overrides, *QUIET])
        training.model.on_outcome = pay
        training.trainer.callbacks.insert(0, CallBudget(point.train_calls))  # type: ignore[attr-defined]
        training.fit()
        policies.append((point.point, training.model.policy))
    return experiment, policies


def _planned(known: Calibration, mas: BaseMAS, job: SeedJob) -> list[tuple[str, Policy]]:
    """A plan for each budget from an old calibration and the profiles of the new backbones."""
    return budget_policies(for_catalogue(known, mas), job.costs, job.waits, job.seed)


def _singles(mas: BaseMAS) -> Iterator[tuple[str, Policy]]:
    lead = mas.template.roles[mas.template.lead].name
    yield from ((name, FixedGraph(name, [lead])) for name in mas.catalogue.names)


class Calls:
    """Evaluates systems on the held-out questions of one experiment."""

    def __init__(self, experiment: Experiment, samples: int) -> None:
        self.experiment, self.samples = experiment, samples
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
        watch = self.experiment.model.on_outcome
        with here.new_executor(self.experiment.data, on_outcome=watch) as executor:
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
