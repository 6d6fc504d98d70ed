"""Held-out reward of learners and controls at Table 6's operating points 2 and 3 (simulated).

Every seed has a world, an initialisation and a sampling stream of its own. The best fixed plan
is an oracle: searched among one-pool plans on the test questions themselves, with other rollouts
than those it is then judged on.
"""

from __future__ import annotations

import csv
import itertools
import logging
import math
import warnings
from argparse import ArgumentParser
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from lightning.pytorch import Callback, Trainer, seed_everything
from rich.console import Console
from rich.table import Table
from scipy import stats

from abgnn.base_mas import BaseMAS
from abgnn.console import make_console
from abgnn.difficulty import start_difficulty
from abgnn.evaluation.evaluate import evaluate, summarise
from abgnn.evaluation.sweep import Sweep
from abgnn.experiment import quiet
from abgnn.models import AgentBalance, FixedGraph, Policy, RandomGraph
from abgnn.nn import DifficultyHead
from abgnn.rollout import Executor, SimulatedClient
from abgnn.training import LeaveOneOut, NoBaseline, Reinforce
from datamodules import Arithmetic, HumanEval, QuickQA

DATA = {"general": QuickQA, "math": Arithmetic, "code": HumanEval}
FIRST_WORLD = 500  # learning rates were chosen in worlds 0 to 5
JUDGED = 1_000_000  # sample ids from here on were never seen by learners or searches
SAMPLES = 4


class Point(NamedTuple):
    """An operating point with all that `AgentBalance` takes."""

    lambda_tok: float
    lambda_lat: float
    upper_bound: int
    delta: float


@dataclass(frozen=True)
class Learner:
    """One row: how a policy starts and how it is trained."""

    name: str
    init: str
    min_agents: int
    lr: float = 0.0
    samples: int = 8
    epochs: int = 1
    baseline: bool = True

    def policy(self, point: Point, seed: int) -> AgentBalance:
        seed_everything(seed, verbose=False)
        return AgentBalance(
            upper_bound=point.upper_bound,
            delta=point.delta,
            min_agents=self.min_agents,
            init=self.init,  # type: ignore[arg-type]
        )


LEARNERS = (
    Learner("paper init, untrained", "paper", 2),
    Learner("paper: lr 0.1, no baseline, 40 rollouts", "paper", 2, 0.1, 1, 1, False),
    Learner("paper: lr 0.1, no baseline, 320 rollouts", "paper", 2, 0.1, 1, 8, False),
    Learner("leave-one-out, no warm start, 320 rollouts", "paper", 2, 0.01),
    Learner("leave-one-out, no warm start, 1280 rollouts", "paper", 2, 0.003, 8, 4),
    Learner("warm start, untrained, 0 rollouts", "profile", 2),
    Learner("warm start + leave-one-out, 320 rollouts", "profile", 2, 3e-4),
    Learner("warm start (lone agents), untrained", "profile", 1),
    Learner("warm start (lone agents) + LOO, 320 rollouts", "profile", 1, 3e-4),
)


class World:
    """One seed's world: data, client, executor, and everything that has been evaluated in it."""

    def __init__(self, domain: str, mas: BaseMAS, seed: int) -> None:
        self.domain, self.mas, self.seed = domain, mas, seed
        self.client = SimulatedClient(world_seed=FIRST_WORLD + seed)
        self.data = DATA[domain](n_train=40, n_val=20, batch_size=4, seed=seed)
        self.data.setup("fit")
        self.test = self.data.queries("test")
        self.client.bind(self.data)
        self.executor = Executor(self.client, mas.catalogue, self.data)

    def measure(self, policy: Policy, samples: int = SAMPLES, first: int = JUDGED) -> np.ndarray:
        """Accuracy, USD and seconds per query, [3]."""
        outcomes = evaluate(
            policy, self.mas, self.executor, self.test, samples=samples, first_sample=first
        )
        row = summarise("", outcomes)
        return np.array([row.performance, row.cost_usd, row.latency_s])

    def train(self, learner: Learner, point: Point) -> tuple[AgentBalance, int]:
        """The trained policy and its number of LLM calls."""
        policy = learner.policy(point, self.seed)
        if not learner.lr:
            self._fit_head(policy)
            policy.set_tradeoff(point.lambda_tok, point.lambda_lat)
            return policy, 0
        module = Reinforce(
            policy,
            self.mas,
            self.client,
            lambda_tok=point.lambda_tok,
            lambda_lat=point.lambda_lat,
            samples=learner.samples,
            advantage=LeaveOneOut() if learner.baseline else NoBaseline(),
            lr=learner.lr,
            hop_penalty="reward" if learner.baseline else "loss",
        )
        calls = CountCalls()
        trainer = Trainer(
            accelerator="cpu",
            max_epochs=learner.epochs,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            limit_val_batches=0,
            callbacks=[calls],
        )
        trainer.fit(module, datamodule=self.data)
        return policy, calls.calls

    def _fit_head(self, policy: AgentBalance) -> None:
        """An untrained policy has the same difficulty head as a trained one starts from."""
        queries = self.data.queries("train")
        accuracy = float(self.mas.table.accuracy.mean())
        assert isinstance(policy.difficulty, DifficultyHead)
        embed = self.mas.encode([q.text for q in queries])
        start_difficulty(policy.difficulty, queries, embed, accuracy, self.mas.encode.model)

    def best_fixed(self, points: list[Point], min_agents: int) -> dict[int, np.ndarray]:
        """Upper bound → what the best one-pool plan gives, judged on fresh rollouts."""
        library = list(self._library(max(p.upper_bound for p in points), min_agents))
        screened = [(p, self.measure(p.policy, 1, 0)) for p in library]
        best: dict[int, np.ndarray] = {}
        for point in points:
            weights = np.array([1, -point.lambda_tok, -point.lambda_lat])
            able = [(p, m @ weights) for p, m in screened if p.pool < point.upper_bound]
            short = sorted(able, key=lambda pair: -pair[1])[:12]
            again = [(p, self.measure(p.policy, 8, 1000) @ weights) for p, _ in short]
            winner = max(again, key=lambda pair: pair[1])[0]
            best[point.upper_bound] = self.measure(winner.policy)
        return best

    def _library(self, upper_bound: int, min_agents: int) -> Iterator[Candidate]:
        """One backbone of a pool in one to three roles, or another member deciding."""
        roles = [r.name for r in self.mas.template.roles[:-1]]
        names, seen = self.mas.catalogue.names, set()
        for pool, members in enumerate(self.mas.pools.members[:upper_bound]):
            for m, n_agents in itertools.product(members, range(min_agents, 4)):
                if (m, n_agents) in seen:
                    continue
                seen.add((m, n_agents))
                for chosen in itertools.combinations(roles, n_agents):
                    for edges in ("all", "none") if n_agents > 1 else ("none",):
                        fixed = FixedGraph(names[m], list(chosen), edges)  # type: ignore[arg-type]
                        yield Candidate(pool, fixed)


@dataclass(frozen=True)
class Candidate:
    """A fixed plan and the weakest pool that allows it."""

    pool: int
    policy: FixedGraph


class CountCalls(Callback):
    """LLM calls of training."""

    def __init__(self) -> None:
        self.calls = 0

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *args: Any) -> None:
        self.calls += sum(len(o.calls) for o in pl_module.outcomes)


def interval(values: list[float]) -> str:
    """Mean and half-width of the 95 % t-interval over seeds."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return f"{mean:.3f}"
    half = float(
        stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values))
    )
    return f"{mean:.3f} ± {half:.3f}"


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--domain", choices=sorted(DATA), default="general")
    parser.add_argument("--seeds", type=int, default=8)
    args = parser.parse_args()
    quiet()
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    console = make_console(170)
    given = Sweep.from_yaml(f"frontier/simulated-{args.domain}.yaml").points
    points = [Point(p.lambda_tok, p.lambda_lat, p.upper_bound, p.delta or 0.0)
              for p in given if p.upper_bound in (2, 3)]  # fmt: skip
    mas = BaseMAS(args.domain, encoder="offline")
    rows: dict[tuple[str, int], list[np.ndarray]] = defaultdict(list)
    calls: dict[str, list[int]] = defaultdict(list)
    for seed in range(args.seeds):
        world = World(args.domain, mas, seed)
        for minimum in (1, 2):
            for bound, value in world.best_fixed(points, minimum).items():
                rows[f"best fixed one-pool plan, ≥ {minimum} agents (oracle)", bound].append(value)
        for point, learner in itertools.product(points, LEARNERS):
            policy, n_calls = world.train(learner, point)
            rows[learner.name, point.upper_bound].append(world.measure(policy))
            calls[learner.name].append(n_calls)
        lead = mas.template.roles[mas.template.lead].name
        for name in mas.catalogue.names:
            value = world.measure(FixedGraph(name, [lead]))
            for point in points:
                rows[f"single {name}", point.upper_bound].append(value)
        for point in points:
            rows["random plans", point.upper_bound].append(world.measure(RandomGraph(seed=seed)))
        world.executor.close()
        console.print(f"seed {seed + 1} of {args.seeds} done (simulated)")
    report(rows, calls, points, args.domain, console)


def report(
    rows: dict[tuple[str, int], list[np.ndarray]],
    calls: dict[str, list[int]],
    points: list[Point],
    domain: str,
    console: Console,
) -> None:
    """The table, and every seed's figures as CSV."""
    out = Path("runs/bench")
    out.mkdir(parents=True, exist_ok=True)
    with (out / f"warm_start-{domain}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["source", "row", "operating point", "seed", "accuracy", "usd", "seconds"])
        for (name, bound), values in rows.items():
            for seed, value in enumerate(values):
                writer.writerow(["simulated", name, bound, seed, *value])
    names = list(dict.fromkeys(name for name, _ in rows))
    seeds = len(rows[names[0], points[0].upper_bound])
    for point in points:
        weights = np.array([1, -point.lambda_tok, -point.lambda_lat])
        rewards = {n: [float(v @ weights) for v in rows[n, point.upper_bound]] for n in names}
        table = Table(
            title=f"{domain}, operating point {point.upper_bound}: λ_tok {point.lambda_tok:g}, "
            f"λ_lat {point.lambda_lat:g}; {seeds} fresh worlds, held-out questions (simulated)",
            title_justify="left",
        )
        for column in ("row", "LLM calls", "accuracy", "mUSD", "s", "reward ± 95 %",
                       "− paper init", "− warm start", "/ best fixed"):  # fmt: skip
            table.add_column(column, justify="left" if column == "row" else "right", no_wrap=True)
        base, warm = rewards["paper init, untrained"], rewards["warm start, untrained, 0 rollouts"]
        for name in sorted(names, key=lambda n: -float(np.mean(rewards[n]))):
            alone = any(word in name for word in ("lone agents", "single", "≥ 1"))
            minimum = 1 if alone else 2
            oracle = rewards[f"best fixed one-pool plan, ≥ {minimum} agents (oracle)"]
            mean = np.mean(rows[name, point.upper_bound], axis=0)
            made = calls.get(name)
            table.add_row(
                name,
                f"{np.mean(made):.0f}" if made else "0",
                f"{mean[0]:.3f}",
                f"{1e3 * mean[1]:.3f}",
                f"{mean[2]:.1f}",
                interval(rewards[name]),
                interval([a - b for a, b in zip(rewards[name], base, strict=True)]),
                interval([a - b for a, b in zip(rewards[name], warm, strict=True)]),
                f"{np.mean(rewards[name]) / np.mean(oracle):.3f}",
            )
        console.print(table)


if __name__ == "__main__":
    main()
