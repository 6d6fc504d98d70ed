"""Budgets in training, and what the GNN adds to the plan (simulated, general questions).

Every seed has a world, questions and a calibration of 320 rollouts on 40 questions of its own.

1. Held-out use over budget of policies trained with budgets B1 to B4, of one conditioned policy
   that looks them up (`set_budget`), and of the planner's mixture.
2. Held-out reward at the points of `frontier/simulated-general.yaml`: one conditioned policy, four
   separately taught ones, the planner's design in the same pools, and among all backbones.
3. The share of unseen questions that get the design itself, and reward when two backbones that
   no teacher knew are attached, beside a planner that knows their profiles.

    python scripts/bench/budgets.py --seeds 4
"""

from __future__ import annotations

import json
import logging
import sys
import warnings
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev
from tempfile import TemporaryDirectory

import torch
from lightning.pytorch import Callback, Trainer, seed_everything
from over_worlds import plus_minus
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[2]))

from abgnn.console import make_console
from abgnn.data.query import Query
from abgnn.evaluation.rows import Row, summarise
from abgnn.experiments.calibrate import calibrate_experiment
from abgnn.experiments.experiment import Experiment, quiet
from abgnn.experiments.sweep import Sweep
from abgnn.graph.base_mas import BaseMAS
from abgnn.models import AgentBalance, PlannedMixture, Policy
from abgnn.planning import Budget, Design, PlanSpace
from abgnn.planning.calibration import Calibration
from abgnn.planning.plan_file import PlanFile
from abgnn.planning.planner import plan
from abgnn.planning.search import Searcher
from abgnn.rollout import SimulatedClient
from abgnn.training import Reinforce, Teacher
from abgnn.training.evaluate import evaluate
from abgnn.training.profiles_alone import profiles_alone
from abgnn.training.tradeoffs import Tradeoffs
from datamodules import QuickQA

FIRST_WORLD, JUDGED, COPIES = 1300, 1_000_000, 4
BUDGETS = ((4.6e-4, 19.0), (8.5e-4, 42.0), (2.1e-3, 63.0), (4.9e-3, 135.0))  # USD, s per query
NEW = ["Qwen3-235B-A22B", "Qwen3-235B-A22B-thinking"]
POINTS = [
    (p.lambda_tok, p.lambda_lat) for p in Sweep.from_yaml("frontier/simulated-general.yaml").points
]
Figures = dict[str, list[float]]


class World:
    """One seed: world, questions, calibration."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed, self.path = seed, str(folder / "calibration.json")
        self.client = SimulatedClient(world_seed=FIRST_WORLD + seed)
        self.data = QuickQA(n_train=40, n_val=4, batch_size=4, seed=seed)
        self.data.setup("test")
        asked = self.data.queries("test")
        self.test: list[Query] = [
            replace(q, id=f"{q.id}~{k}") for q in asked for k in range(COPIES)
        ]
        self.mas = BaseMAS("general", encoder="offline")
        self.known = self.calibrated(self.mas)
        self.known.save(self.path)

    def module(self, mas: BaseMAS, **kwargs: object) -> Reinforce:
        seed_everything(self.seed, verbose=False)
        policy = AgentBalance(conditioned=bool(kwargs.pop("conditioned", False)))
        return Reinforce(policy, mas, self.client, **kwargs)  # type: ignore[arg-type]

    def calibrated(self, mas: BaseMAS) -> Calibration:
        return calibrate_experiment(
            Experiment(self.module(mas), self.data, Trainer(logger=False)), 320, self.seed
        )

    def fit(self, module: Reinforce, callbacks: Sequence[Callback], epochs: int) -> Policy:
        trainer = Trainer(
            accelerator="cpu", logger=False, enable_checkpointing=False, max_epochs=epochs,
            enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
            limit_val_batches=0, callbacks=list(callbacks),
        )  # fmt: skip
        trainer.fit(module, datamodule=self.data)
        return module.policy

    def judge(self, policy: Policy, mas: BaseMAS | None = None) -> Row:
        mas = mas or self.mas
        with self.module(mas).new_executor(self.data) as executor:
            return summarise("", evaluate(policy, mas, executor, self.test, first_sample=JUDGED))

    def play(self, design: Design, known: Calibration) -> Row:
        plans = [design.plan(q, known.template, known.profile.names) for q in self.test]
        with self.module(self.mas).new_executor(self.data) as executor:
            return summarise("", executor.run(plans, samples=[JUDGED] * len(plans)))


def measured(seed: int) -> Figures:
    """Everything of one seed, by row."""
    with TemporaryDirectory() as folder:
        world = World(seed, Path(folder))
        one = world.module(world.mas, conditioned=True)
        world.fit(one, [Tradeoffs(calibration=world.path)], 0)
        return ratios(world, one.policy) | rewards(world, one) | unseen(world)


def ratios(world: World, one: Policy) -> Figures:
    """Accuracy, cost over budget and latency over budget, for each of the budgets."""
    found: Figures = {}
    assert isinstance(one, AgentBalance)
    for i, (cost, wait) in enumerate(BUDGETS, 1):
        budget = Budget(cost, wait)
        module = world.module(world.mas, budget=budget, calibration=world.path)
        mixture = PlanFile.of(plan(world.known, budget), world.known)
        trained = world.fit(module, [], 1)
        one.set_budget(cost, wait)
        for name, policy in (
            ("trained", trained),
            ("one policy", one),
            ("planner", PlannedMixture(mixture, world.seed)),
        ):
            row = world.judge(policy)
            shares = [row.performance, row.cost_usd / cost, row.latency_s / wait]
            found[f"B{i}|{name}"] = shares
    return found


def rewards(world: World, module: Reinforce) -> Figures:
    """Reward at every point, and the share of unseen questions whose plan is the design."""
    one = module.policy
    pools = Searcher(world.known.model(), PlanSpace(world.known.template, world.known.pools))
    free = Searcher(world.known.model(), world.known.everything)
    found: Figures = {}
    same = []
    for point in POINTS:
        apart = world.module(world.mas, lambda_tok=point[0], lambda_lat=point[1])
        taught = world.fit(apart, [Teacher(world.path)], 0)
        one.set_tradeoff(*point)
        design = pools.best(*point).design
        for name, row in (
            ("one policy", world.judge(one)),
            ("four policies", world.judge(taught)),
            ("planner, same pools", world.play(design, world.known)),
            ("planner, any backbones", world.play(free.best(*point).design, world.known)),
        ):
            found.setdefault(f"reward|{name}", []).append(row.reward(*point))
        same.append([_follows(world, m, design) for m in (module, apart)])
    found["same|one policy"], found["same|four policies"] = (
        list(c) for c in zip(*same, strict=True)
    )
    return found


def _follows(world: World, module: Reinforce, design: Design) -> float:
    """Share of the unseen questions that get the design."""
    asked = world.data.queries("test")
    wanted = [design.plan(q, world.known.template, world.known.profile.names) for q in asked]
    pairs = zip(module.plans(asked), wanted, strict=True)
    return mean(float(a.agents == b.agents and set(a.edges) == set(b.edges)) for a, b in pairs)


def unseen(world: World) -> Figures:
    """Taught without two backbones, then asked with them in the catalogue."""
    few = BaseMAS("general", encoder="offline", exclude=NEW)
    module = world.module(few, conditioned=True)
    path = Path(world.path).with_name("few.json")
    world.calibrated(few).save(path)
    world.fit(module, [Tradeoffs(calibration=str(path))], 0)
    profiles = profiles_alone(world.mas, world.data.queries("train"))
    searcher = Searcher(profiles.model(), PlanSpace(profiles.template, profiles.pools))
    found: Figures = {}
    for point in POINTS:
        module.policy.set_tradeoff(*point)
        for name, row in (
            ("taught without them, asked without", world.judge(module.policy, few)),
            ("taught without them, asked with them", world.judge(module.policy)),
            (
                "planner from profiles, with them",
                world.play(searcher.best(*point).design, profiles),
            ),
        ):
            found.setdefault(f"unseen|{name}", []).append(row.reward(*point))
    return found


def shown(cells: Sequence[Figures]) -> list[Table]:
    """Means over seeds, ± 95 %."""
    budgets = Table(
        "budget", "who", "accuracy", "binding ratio", "sd", "by seed", title="use / budget"
    )
    for key in [k for k in cells[0] if k.startswith("B")]:
        by_seed = [max(c[key][1:]) for c in cells]
        spread = f"{stdev(by_seed):.2f}" if len(cells) > 1 else ""
        budgets.add_row(
            *key.split("|"), plus_minus([c[key][0] for c in cells], 3, ""),
            plus_minus(by_seed, 3, ""), spread,
            " ".join(f"{r:.2f}" for r in by_seed),
        )  # fmt: skip
    points = Table(
        "what", "who", *(f"λ {t:g}, {w:g}" for t, w in POINTS), title="points (simulated)"
    )
    for key in [k for k in cells[0] if not k.startswith("B")]:
        columns = zip(*(c[key] for c in cells), strict=True)
        points.add_row(*key.split("|"), *(plus_minus(list(column), 3, "") for column in columns))
    return [budgets, points]


def main() -> None:
    """Measure what is missing, and print all."""
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--out", default="runs/bench/budgets")
    given = parser.parse_args()
    quiet()
    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    cells = []
    for seed in range(given.first, given.first + given.seeds):
        path = Path(given.out) / f"{seed}.json"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(measured(seed)))
        cells.append(json.loads(path.read_text()))
    console = make_console()
    for table in shown(cells):
        console.print(table)


if __name__ == "__main__":
    main()
