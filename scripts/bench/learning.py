"""Held-out reward of what learns from few rollouts, at Table 6's operating points (simulated).

Every seed has a world, questions, an initialisation, a calibration set and wrong profiles of its
own. Rows marked (oracle) are chosen on the test questions, with other rollouts than those they are
judged on. Rewards are averaged over the four operating points; intervals are over seeds.
"""

from __future__ import annotations

import csv
import logging
import math
import warnings
from argparse import ArgumentParser
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from lightning.pytorch import Callback, Trainer, seed_everything
from rich.console import Console
from rich.table import Table
from scipy import stats

from abgnn.base_mas import BaseMAS
from abgnn.console import make_console
from abgnn.evaluation.evaluate import evaluate, summarise
from abgnn.evaluation.sweep import OperatingPoint, Sweep
from abgnn.experiment import quiet
from abgnn.models import AgentBalance, FixedGraph, Policy, RandomGraph
from abgnn.nn import BackboneTable
from abgnn.planning import Design, Observations, PlanSpace, Profile, calibration_plans, observe
from abgnn.planning.calibration import Calibration, pools_of
from abgnn.planning.search import Searcher
from abgnn.rollout import Executor, Outcome, SimulatedClient
from abgnn.training import CallBudget, LeaveOneOut, NoBaseline, Reinforce, Teacher
from abgnn.training.difficulty_scale import standard_difficulty
from datamodules import Arithmetic, HumanEval, QuickQA

DATA = {"general": QuickQA, "math": Arithmetic, "code": HumanEval}
FIRST_WORLD = 900  # nothing was tuned in these worlds
JUDGED, CALIBRATED = 1_000_000, 500_000  # first sample ids
SAMPLES, ROLLOUTS = 4, 320


@dataclass(frozen=True)
class Row:
    """What was learned at one operating point."""

    outcomes: list[Outcome]
    calls: int = 0


class World:
    """One seed: world, questions, profiles that may be wrong, a calibration set."""

    def __init__(self, domain: str, base: BaseMAS, seed: int, noise: float, mislead: bool) -> None:
        self.seed, self.noise, self.mas = seed, noise, base
        self.client = SimulatedClient(world_seed=FIRST_WORLD + seed, mislead=mislead)
        self.data = DATA[domain](n_train=80, n_val=4, batch_size=4, seed=seed)
        self.data.setup("fit")
        self.train, self.test = self.data.queries("train"), self.data.queries("test")
        self.executor = Executor(self.client, base.catalogue, self.data)
        self.profile = Profile.of(base.catalogue, domain)
        if noise:
            self.profile = self.profile.perturbed(noise, seed)
        pools = replace(base.pools, cost=self.profile.usd, latency=self.profile.seconds)
        self.table = BackboneTable(base.table.embed, pools, self.profile.accuracy.tolist())
        self.observed = self._calibrate()

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

    def play(self, design: Design) -> list[Outcome]:
        """A design on the test questions."""
        queries = [q for q in self.test for _ in range(SAMPLES)]
        plans = [design.plan(q, self.mas.template, self.mas.catalogue.names) for q in queries]
        samples = [JUDGED + k for _ in self.test for k in range(SAMPLES)]
        return self.executor.run(plans, samples=samples)

    def judge(self, policy: Policy, samples: int = SAMPLES, first: int = JUDGED) -> list[Outcome]:
        policy.attach(self.table)
        return evaluate(
            policy, self.mas, self.executor, self.test, samples=samples, first_sample=first
        )


@dataclass(frozen=True)
class Gnn:
    """How a GNN starts and learns."""

    name: str
    init: str = "profile"
    taught: bool = False
    calls: int = 0
    lr: float = 3e-4
    baseline: bool = True
    samples: int = 8


GNNS = (
    Gnn("GNN, random weights, untrained", init="paper"),
    Gnn("GNN, profile start, untrained"),
    Gnn("GNN, profile start + LOO", calls=1000),
    Gnn("GNN, random weights + LOO", init="paper", calls=1000, lr=0.01),
    Gnn("GNN, paper mode", init="paper", calls=1000, lr=0.1, baseline=False, samples=1),
    Gnn("planner → GNN", init="paper", taught=True),
    Gnn("planner → GNN + LOO", init="paper", taught=True, calls=1000),
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
        hop_penalty="reward" if how.baseline else "loss",
    )
    kept, world.mas.__dict__["table"] = world.mas.table, world.table
    Trainer(
        accelerator="cpu",
        max_epochs=100 if how.calls else 0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        limit_val_batches=0,
        callbacks=callbacks,
    ).fit(module, datamodule=world.data)
    world.mas.__dict__["table"] = kept
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


def fixed_rows(world: World, points: list[OperatingPoint]) -> Iterator[tuple[str, int, Row]]:
    """Oracles: one backbone in two roles within the pools, or alone in any role."""
    roles = [r.name for r in world.mas.template.roles[:-1]]
    names = world.mas.catalogue.names
    alone = [FixedGraph(m, [role]) for m in names for role in roles]
    teams = [
        FixedGraph(m, list(chosen), edges)
        for m in names
        for chosen in combinations(roles, 2)
        for edges in ("all", "none")
    ]
    seen = {id(p): summarise("", world.judge(p, 1, 0)) for p in (*alone, *teams)}
    for i, point in enumerate(points):
        inside = {names[m] for pool in world.mas.pools.members[: point.upper_bound] for m in pool}
        for name, able in (
            (
                "best fixed one-pool plan, ≥ 2 agents (oracle)",
                [p for p in teams if p.backbone in inside],
            ),
            ("best single LLM in its best role (oracle)", alone),
        ):
            ranked = sorted(
                able, key=lambda p: -seen[id(p)].reward(point.lambda_tok, point.lambda_lat)
            )
            again = [(p, summarise("", world.judge(p, 4, 1000))) for p in ranked[:8]]
            best = max(again, key=lambda pair: pair[1].reward(point.lambda_tok, point.lambda_lat))
            yield name, i, Row(world.judge(best[0]))
        yield "random plans", i, Row(world.judge(RandomGraph(seed=world.seed)))


class Found:
    """Everything that one setting of domain and noise has given so far."""

    def __init__(self, points: list[OperatingPoint]) -> None:
        self.points = points
        self.rewards: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
        self.means: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
        self.calls: dict[str, list[int]] = defaultdict(list)

    def add(self, seed: int, name: str, i: int, row: Row) -> None:
        point, mean = self.points[i], summarise("", row.outcomes)
        self.rewards[name][seed].append(mean.reward(point.lambda_tok, point.lambda_lat))
        self.means[name].append((mean.performance, mean.cost_usd, mean.latency_s))
        self.calls[name].append(row.calls)


def run(domain: str, seeds: int, noise: float, mislead: bool, console: Console) -> None:
    points = list(Sweep.from_yaml(f"frontier/simulated-{domain}.yaml").points)
    base = BaseMAS(domain, encoder="offline")
    found = Found(points)
    with TemporaryDirectory() as folder:
        for seed in range(seeds):
            world = World(domain, base, seed, noise, mislead)
            for name, i, row in (*fixed_rows(world, points), *planner_rows(world, points)):
                found.add(seed, name, i, row)
            for how in GNNS:
                for i, point in enumerate(points):
                    found.add(seed, how.name, i, gnn(world, how, point, folder))
            world.executor.close()
            console.print(f"{domain}, noise {noise}: seed {seed + 1} of {seeds} (simulated)")
    report(domain, noise, mislead, found, console)


def report(domain: str, noise: float, mislead: bool, found: Found, console: Console) -> None:
    """The table, and every figure as CSV."""
    world = "messages mislead, " if mislead else ""
    seeds = len(next(iter(found.rewards.values())))
    title = f"{domain}, {world}profiles off by {noise:g}; {seeds} fresh worlds (simulated)"
    table = Table(title=title, title_justify="left")
    base = "GNN, profile start, untrained"
    for head in ("row", "LLM calls", "accuracy", "mUSD", "s", "reward ± 95 %", f"− {base}"):
        table.add_column(head, justify="left" if head == "row" else "right")
    reward = {name: np.mean(list(rows.values()), axis=1) for name, rows in found.rewards.items()}
    for name in sorted(reward, key=lambda n: -float(reward[n].mean())):
        accuracy, usd, seconds = np.mean(found.means[name], axis=0)
        table.add_row(
            name,
            f"{np.mean(found.calls[name]):.0f}",
            f"{accuracy:.3f}",
            f"{1e3 * usd:.3f}",
            f"{seconds:.1f}",
            interval(reward[name]),
            interval(reward[name] - reward[base]),
        )
    console.print(table)
    out = Path("runs/bench")
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"learning-{domain}-{noise:g}{'-mislead' if mislead else ''}.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["source", "row", "seed", "point 1", "point 2", "point 3", "point 4"])
        for name, rows in found.rewards.items():
            writer.writerows(["simulated", name, seed, *row] for seed, row in rows.items())


def interval(values: np.ndarray) -> str:
    """Mean and half-width of the 95 % t-interval over seeds."""
    n, mean = len(values), float(values.mean())
    if n < 2:
        return f"{mean:.4f}"
    half = float(stats.t.ppf(0.975, n - 1)) * float(values.std(ddof=1)) / math.sqrt(n)
    return f"{mean:.4f} ± {half:.4f}"


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--domain", choices=sorted(DATA), default="general")
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--noise", type=float, nargs="+", default=[0.0, 0.4, 0.8])
    parser.add_argument("--mislead", action="store_true", help="a world whose messages mislead")
    args = parser.parse_args()
    quiet()
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    console = make_console(170)
    for noise in args.noise:
        run(args.domain, args.seeds, noise, args.mislead, console)


if __name__ == "__main__":
    main()
