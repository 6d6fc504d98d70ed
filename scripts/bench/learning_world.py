"""What learns in one simulated world: planner, planner as teacher, GNN, oracles; each a `Row`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from lightning.pytorch import Callback, Trainer, seed_everything

from abgnn.data.query import Query
from abgnn.difficulty.scale import standard_difficulty
from abgnn.evaluation.rows import Row as Mean
from abgnn.evaluation.rows import summarise
from abgnn.experiments.compare.oracle import Assigned
from abgnn.experiments.sweep import OperatingPoint
from abgnn.graph.base_mas import BaseMAS
from abgnn.models import AgentBalance, FixedGraph, Policy, RandomGraph
from abgnn.nn import BackboneTable
from abgnn.planning import (
    Budget,
    Design,
    Observations,
    PlanSpace,
    Prior,
    budgeted_mix,
    calibration_plans,
    observe,
)
from abgnn.planning.budgets import Stratum
from abgnn.planning.calibration import Calibration, pools_of
from abgnn.planning.planner import kept_mix
from abgnn.planning.search import Searcher
from abgnn.rollout import Executor, SimulatedClient
from abgnn.training import CallBudget, LeaveOneOut, NoBaseline, Reinforce, Teacher
from abgnn.training.evaluate import evaluate
from datamodules import Arithmetic, HumanEval, QuickQA

DATA = {"general": QuickQA, "math": Arithmetic, "code": HumanEval}
FIRST_WORLD = 900  # nothing was tuned from here on, but the calibration's design (general, to 913)
JUDGED, CALIBRATED = 1_000_000, 500_000  # first sample ids
COPIES, ROLLOUTS = 4, 320
CLIMB = 3  # changes that the search for the best fixed plan makes at most
BEST_FIXED = "best fixed one-pool plan, ≥ 2 agents (oracle)"
BEST_SINGLE = "best single LLM (oracle)"


@dataclass(frozen=True)
class Row:
    """What was learned at one operating point."""

    mean: Mean
    calls: int = 0


class World:
    """One seed: world, questions, profiles that may be wrong, a calibration set."""

    def __init__(self, domain: str, base: BaseMAS, seed: int, noise: float, mislead: bool) -> None:
        self.seed, self.noise, self.mas = seed, noise, base
        self.client = SimulatedClient(world_seed=FIRST_WORLD + seed, mislead=mislead)
        self.data = DATA[domain](n_train=80, n_val=4, batch_size=4, seed=seed)
        self.data.setup("fit")
        self.train = _copies(self.data.queries("train"), 2)
        self.test = _copies(self.data.queries("test"), COPIES)
        self.executor = Executor(self.client, base.catalogue, self.data)
        self.profile = Prior.of(base.catalogue, domain)
        if noise:
            self.profile = self.profile.perturbed(noise, seed)
        pools = replace(base.pools, cost=self.profile.usd, latency=self.profile.seconds)
        self.table = BackboneTable(base.table.embed, pools, self.profile.accuracy.tolist())
        self.observed = self._calibrate()
        self._played: dict[Design, Mean] = {}

    def _calibrate(self) -> Observations:
        names = self.mas.catalogue.names
        plans = calibration_plans(self.train, self.space(1, None), names, ROLLOUTS, self.seed)
        samples = [CALIBRATED + k for k in range(len(plans))]
        outcomes = self.executor.run(plans, samples=samples, phase="calibrate")
        difficulty = standard_difficulty(self.mas, self.train)
        return observe(outcomes, self.data, self.profile, self.mas.template, difficulty)

    def space(self, min_agents: int, bound: int | None) -> PlanSpace:
        """One pool of the lowest `bound`, or all backbones."""
        everything = (tuple(range(len(self.mas.catalogue))),)
        pools = everything if bound is None else pools_of(self.mas.pools.members[:bound])
        return PlanSpace(self.mas.template, pools, min_agents)

    def calibration(self, *, rollouts: bool) -> Calibration:
        """With the calibration rollouts, or the profiles alone."""
        seen = self.observed if rollouts else Observations.none(self.observed.difficulty)
        pools = pools_of(self.mas.pools.members)
        return Calibration(
            "simulated", self.mas.domain, self.profile, self.mas.template, pools, seen, 0, 0.0
        )

    def play(self, design: Design) -> Mean:
        """A design on the test questions."""
        if design not in self._played:
            names = self.mas.catalogue.names
            plans = [design.plan(q, self.mas.template, names) for q in self.test]
            samples = [JUDGED] * len(plans)
            self._played[design] = summarise("", self.executor.run(plans, samples=samples))
        return self._played[design]

    def judge(self, policy: Policy, first: int = JUDGED, every: int = 1) -> Mean:
        """A policy on the test questions, or on every so manieth of them."""
        with self.wrong_profiles():
            found = evaluate(
                policy, self.mas, self.executor, self.test[::every], first_sample=first
            )
        return summarise("", found)

    @contextmanager
    def wrong_profiles(self) -> Iterator[None]:
        """The system with this world's profiles in place of the published ones."""
        backbones = self.mas.backbones
        kept, backbones.table = backbones.table, self.table
        try:
            yield
        finally:
            backbones.table = kept


def _copies(queries: Sequence[Query], n: int) -> list[Query]:
    """Each text as n questions that the world tells apart: difficulty and luck of their own."""
    return [replace(q, id=f"{q.id}~{k}") for q in queries for k in range(n)]


@dataclass(frozen=True)
class Gnn:
    """How a GNN starts and learns."""

    name: str
    init: str = "beliefs"
    taught: bool = False
    calls: int = 0
    lr: float = 1e-3
    baseline: bool = True
    samples: int = 8


GNNS = (
    Gnn("GNN, random weights, untrained", init="paper"),
    Gnn("GNN, start at profiles, untrained"),
    Gnn("GNN, start at profiles + LOO", calls=1000),
    Gnn("GNN, random weights + LOO", init="paper", calls=1000, lr=0.01),
    Gnn("GNN, paper mode", init="paper", calls=1000, lr=0.1, baseline=False, samples=1),
    Gnn("planner → GNN", taught=True),
    Gnn("planner → GNN + LOO", taught=True, calls=1000),
)


def gnn(world: World, how: Gnn, point: OperatingPoint, folder: str) -> Row:
    """Two agents at least, within the point's pools."""
    seed_everything(world.seed, verbose=False)
    policy = AgentBalance(
        upper_bound=point.upper_bound,
        delta=point.delta or 0.0,
        min_agents=2,
        init=how.init,  # type: ignore[arg-type]
    )
    budget = CallBudget(how.calls) if how.calls else None
    callbacks: list[Callback] = [budget] if budget else []
    if how.taught:
        path = f"{folder}/{world.seed}-{world.noise}.json"
        world.calibration(rollouts=True).save(path)
        callbacks.append(Teacher(path))
    module = Reinforce(
        policy,
        world.mas,
        world.client,
        lambda_tok=point.lambda_tok,
        lambda_lat=point.lambda_lat,
        samples=how.samples,
        advantage=LeaveOneOut() if how.baseline else NoBaseline(),
        lr=how.lr,
        trust_region=0.1 if how.baseline else None,
        hop_penalty="reward" if how.baseline else "loss",
    )
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=100 if how.calls else 0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        limit_val_batches=0,
        callbacks=callbacks,
    )
    with world.wrong_profiles():
        trainer.fit(module, datamodule=world.data)
    made = (budget.calls if budget else 0) + (len(world.observed) if how.taught else 0)
    policy.eval()
    return Row(world.judge(policy), made)


def planner_rows(world: World, points: list[OperatingPoint]) -> Iterator[tuple[str, int, Row]]:
    """Searched designs: within the point's pools with two agents at least, and free."""
    for rollouts in (False, True):
        model = world.calibration(rollouts=rollouts).model()
        made = len(world.observed) if rollouts else 0
        what = f"planner, {ROLLOUTS} rollouts" if rollouts else "planner, profiles alone"
        free = Searcher(model, world.space(1, None), world.seed)
        for i, point in enumerate(points):
            pooled = Searcher(model, world.space(2, point.upper_bound), world.seed)
            for name, searcher in ((what, pooled), (f"{what}, free", free)):
                found = searcher.best(point.lambda_tok, point.lambda_lat)
                yield name, i, Row(world.play(found.design), made)


@dataclass(frozen=True)
class Spent:
    """What a mixture for two budgets made and used on held-out questions."""

    accuracy: float
    cost: float  # over its budget
    latency: float  # over its budget
    feasible: bool


def budget_rows(world: World, pairs: list[tuple[float, float]], *, strict: bool) -> Iterator[Spent]:
    """Plans for both budgets at once, from one calibration; shares are counted, not drawn."""
    model = world.calibration(rollouts=True).model()
    strata = [Stratum("", 1.0, Searcher(model, world.space(1, None), world.seed))]
    for cost, latency in pairs:
        budget = Budget(cost, latency, strict=strict)
        mixture = kept_mix(model, strata, budget, ("",)) if strict else budgeted_mix(strata, budget)
        means = [(part.share, world.play(part.candidate.design)) for part in mixture.parts]
        yield Spent(
            sum(share * m.performance for share, m in means),
            sum(share * m.cost_usd for share, m in means) / cost,
            sum(share * m.latency_s for share, m in means) / latency,
            mixture.feasible,
        )


def best_fixed(world: World, point: OperatingPoint) -> Row:
    """The best plan of two agents or more, of any backbones of one of the point's pools.

    From the best of a library (one backbone in two roles) one change at a time while it pays, on
    one copy of each question; the best few are judged by other rollouts of all of them.
    """
    space, seen = world.space(2, point.upper_bound), dict[Design, float]()

    def value(design: Design, first: int = 0, every: int = COPIES) -> float:
        policy = Assigned({q.id: design for q in world.test})
        mean = world.judge(policy, first, every)
        return mean.reward(point.lambda_tok, point.lambda_lat)

    def best_of(designs: Iterable[Design]) -> Design:
        some = list(designs)
        seen.update({design: value(design) for design in some if design not in seen})
        return max(some, key=seen.__getitem__)

    best = best_of(space.library(most=2))
    for _ in range(CLIMB):
        near = best_of([best, *space.neighbours(best)])
        if near == best:
            break
        best = near
    few = sorted(seen, key=seen.__getitem__, reverse=True)[:8]
    return Row(world.play(max(few, key=lambda design: value(design, 1000, 1))))


def fixed_rows(world: World, points: list[OperatingPoint]) -> Iterator[tuple[str, int, Row]]:
    """Oracles: the best fixed plan within the pools, and one backbone alone in any role."""
    template, names = world.mas.template, world.mas.catalogue.names
    roles = [r.name for i, r in enumerate(template.roles) if i != template.decision]
    alone = [FixedGraph(m, [role]) for m in names for role in roles]
    lead = [p for p in alone if p.roles == [template.roles[template.lead].name]]
    seen = {id(p): world.judge(p, 0, COPIES) for p in alone}
    for i, point in enumerate(points):
        yield BEST_FIXED, i, best_fixed(world, point)
        oracles = {BEST_SINGLE: lead, "best single LLM in its best role (oracle)": alone}
        for name, able in oracles.items():
            best = _best(world, able, seen, point)
            yield name, i, Row(world.judge(best))
        yield "random plans", i, Row(world.judge(RandomGraph(seed=world.seed)))


def _best(
    world: World, able: list[FixedGraph], seen: dict[int, Mean], point: OperatingPoint
) -> FixedGraph:
    """The best on other rollouts of eight that were best on one copy of each question."""

    def reward(mean: Mean) -> float:
        return mean.reward(point.lambda_tok, point.lambda_lat)

    ranked = sorted(able, key=lambda p: -reward(seen[id(p)]))[:8]
    return max(ranked, key=lambda p: reward(world.judge(p, 1000)))
