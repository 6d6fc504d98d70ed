"""Routing in the recorded world, at matched realised cost; writes runs/bench/routing.csv.

Budgets: four, equally spaced strictly inside the range from the cheapest LLM's mean cost to the
dearest's. A routing's gain is its mean score less that of the best random mixture of single LLMs
at the routing's own realised cost. λ is set from predicted scores and costs alone: on the training
questions, or, where these are few and of another mix, on the unlabelled questions to be answered.
Everything is learned by `Reinforce` on other folds than it is judged on; intervals resample
questions (1000 draws), after the mean over seeds, which change folds and sampling.
"""

from __future__ import annotations

import csv
import logging
import warnings
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from lightning.pytorch import Trainer
from matched_cost import (
    bootstrap_gain,
    choose,
    few_per_group,
    folds,
    inner_budgets,
    interval,
    judge,
    mix_to_budget,
    price_of_cost,
    shrunk_means,
)
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from routing_beliefs import LLMROUTER, PRICES, beliefs_on_real_tables

from abgnn.console import make_console
from abgnn.data.arrays import Array
from abgnn.data.query import Query
from abgnn.experiments.experiment import quiet
from abgnn.graph.base_mas import BaseMAS
from abgnn.models import Router
from abgnn.outcomes.catalogue import catalogue_of, domain_of_task, write_catalogue
from abgnn.outcomes.layouts import read_outcomes
from abgnn.outcomes.table import OutcomeTable
from abgnn.rollout import RecordedClient
from abgnn.training import Reinforce, WarmStart
from datamodules import Outcomes

Rows = NDArray[np.int64]
ROUTELLM = "outcomes_routellm_mmlu_2llm.csv"
ONE_TO_17 = {
    "mixtral_8x7b": {"size": "8x7B", "input_price": 0.6, "output_price": 0.6},
    "gpt4_1106": {"size": "500B", "input_price": 10.2, "output_price": 10.2},
}


class Dealt(Outcomes):
    """The questions of a table, training and test as given."""

    def __init__(self, path: str, table: OutcomeTable, train: Rows, test: Rows, seed: int) -> None:
        super().__init__(path, batch_size=64, seed=seed, domain="general")
        self.__dict__["table"] = table  # read once, not once per fold
        asked = self.load()
        train_queries, test_queries = ([asked[i] for i in rows] for rows in (train, test))
        self._splits = {"train": train_queries, "val": [], "test": test_queries, "predict": []}


@dataclass(frozen=True)
class Learner:
    """How a router learns; epochs of 8 rollouts per question."""

    name: str
    scores: bool = True
    epochs: int = 0
    lr: float = 1e-3


TASK_TABLE = "best LLM per task (shrunk means)"
WARM = Learner("router, warm start only")
LEARNERS = (
    WARM,
    Learner("router, warm start + REINFORCE", epochs=3),
    Learner("router, REINFORCE alone", scores=False, epochs=10, lr=3e-2),
)


class World:
    """One outcome table: base MAS, budgets, and routings learned in it."""

    def __init__(self, path: Path, table: OutcomeTable, profiles: object, folder: str) -> None:
        self.path, self.table = str(path), table
        self.catalogue = Path(folder) / f"{path.stem}-{len(table.ids)}.yaml"
        prices = catalogue_of(table, profiles, domain="general")  # type: ignore[arg-type]
        write_catalogue(prices, self.catalogue, str(path))
        self.mas = BaseMAS(
            catalogue=str(self.catalogue),
            template="templates/routing.yaml",
            encoder="offline",
            n_pools=1,
        )
        self.mas.encode(list(table.texts))

    def learn(
        self, learner: Learner, train: Rows, test: Rows, seed: int, ahead: bool = False
    ) -> list[Array]:
        """Routing of the test questions under each budget; `ahead` sets λ on them, unlabelled."""
        torch.manual_seed(seed)
        data = Dealt(self.path, self.table, train, test, seed)
        policy = Router(list(self.table.llms), list(dict.fromkeys(self.table.tasks)))
        self.fit(policy, data, learner, 0.0, 0)
        score, cost = self.predict(policy, data.queries("train"))
        budgets = self.budgets(test)
        if learner.epochs:
            price = price_of_cost(score, cost, float(budgets.mean()))
            if not learner.scores:  # nothing is known of scores yet: one score per budget
                price = 0.4 / float(budgets.mean())
            self.fit(policy, data, learner, price, learner.epochs)
            score, cost = self.predict(policy, data.queries("train"))
        at = self.predict(policy, data.queries("test"))
        on = at if ahead else (score, cost)
        return [choose(*at, price_of_cost(*on, b)) for b in budgets]

    def table_routing(self, train: Rows, test: Rows, ahead: bool = False) -> list[Array]:
        """The best LLM per task, mixed to the budget: predictions are shrunk task means."""
        tasks = np.array(self.table.tasks)

        def predict(rows: Rows) -> tuple[Array, Array]:
            at = list(tasks[rows])
            kinds = ((self.table.score, 5.0), (self.table.cost, 1.0))
            score, cost = (shrunk_means(v[train], list(tasks[train]), at, w) for v, w in kinds)
            return score, cost

        at = predict(test)
        on = at if ahead else predict(train)
        return [mix_to_budget(*on, *at, b) for b in self.budgets(test)]

    def budgets(self, rows: Rows) -> Array:
        """Four inside the range of the LLMs' mean costs, known from prices and lengths."""
        return inner_budgets(self.table.cost[rows])

    def predict(self, policy: Router, queries: Sequence[Query]) -> tuple[Array, Array]:
        policy.attach(self.mas.table)
        with torch.no_grad():
            score, usd, _ = policy.predict(self.mas.batch(queries))
        return score.double().numpy(), usd.numpy()

    def fit(self, policy: Router, data: Dealt, learner: Learner, price: float, epochs: int) -> None:
        module = Reinforce(
            policy,
            self.mas,
            RecordedClient.of(self.table),
            lambda_tok=price,
            lambda_lat=0.0,
            lr=learner.lr,
            entropy_weight=policy.temperature,
        )
        Trainer(
            accelerator="cpu",
            max_epochs=epochs,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            limit_val_batches=0,
            callbacks=[WarmStart(learner.scores)],
        ).fit(module, datamodule=data)


Fitted = Callable[[Rows, Rows, int], list[Array]]


def cross_validated(world: World, fitted: Fitted, seed: int) -> list[Array]:
    """Routing of every question, learned on the four folds that it is not in."""
    n = len(world.table.ids)
    fold = folds(n, 5, seed)
    whole = [np.zeros_like(world.table.score) for _ in range(4)]
    for k in range(5):
        train, test = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        for routing, part in zip(whole, fitted(train, test, seed), strict=True):
            routing[test] = part
    return whole


@dataclass(frozen=True)
class Result:
    """Gains `[seeds, 4]` in points, realised cost / budget alike, and bootstrap draws."""

    name: str
    gains: Array
    spent: Array
    draws: Array


def judged(name: str, world: World, per_seed: Sequence[list[Array]]) -> Result:
    score, cost = world.table.score, world.table.cost
    budgets = inner_budgets(cost)
    found = [
        [judge(r, score, cost, b) for r, b in zip(routings, budgets, strict=True)]
        for routings in per_seed
    ]
    draws = np.mean([bootstrap_gain(routings, score, cost) for routings in per_seed], 0)
    return Result(
        name,
        100 * np.array([[x.gain for x in row] for row in found]),
        np.array([[x.spent for x in row] for row in found]),
        100 * draws,
    )


def compare(title: str, world: World, learners: Sequence[Learner], seeds: int, show: Show) -> None:
    """One table: task table and learners, 5-fold."""
    results = [
        judged(
            TASK_TABLE,
            world,
            [
                cross_validated(world, lambda a, b, _: world.table_routing(a, b), s)
                for s in range(seeds)
            ],
        )
    ]
    for learner in learners:

        def fitted(train: Rows, test: Rows, seed: int, learner: Learner = learner) -> list[Array]:
            return world.learn(learner, train, test, seed)

        per_seed = [cross_validated(world, fitted, s) for s in range(seeds)]
        results.append(judged(learner.name, world, per_seed))
        show.console.print(f"{title}: {learner.name} done (recorded)")
    show.folds(title, world, results, seeds)


def few(title: str, world: World, groups: Sequence[str], kind: str, draws: int, show: Show) -> None:
    """Gains from 20 … 160 training questions per group, tested on all others."""
    rows: list[list[str]] = []
    for n in (20, 40, 80, 160):
        gains: dict[str, list[float]] = {TASK_TABLE: [], WARM.name: []}
        sizes, worst = [], []
        for seed in range(draws):
            train = few_per_group(groups, n, seed)
            test = np.setdiff1d(np.arange(len(groups)), train)
            score, cost = world.table.score[test], world.table.cost[test]
            routed = {
                TASK_TABLE: world.table_routing(train, test, ahead=True),
                WARM.name: world.learn(WARM, train, test, seed, ahead=True),
            }
            for name, routings in routed.items():
                at = zip(routings, inner_budgets(cost), strict=True)
                judgements = [judge(r, score, cost, b) for r, b in at]
                gains[name].append(100 * float(np.mean([x.gain for x in judgements])))
                if name == WARM.name:
                    worst.append([x.spent for x in judgements])
            sizes.append(len(train))
        difference = np.subtract(gains[WARM.name], gains[TASK_TABLE])
        rows.append(
            [
                f"{n} per {kind} ({np.mean(sizes):.0f} in all)",
                *(f"{np.mean(g):+.2f} ± {_error(g):.2f}" for g in gains.values()),
                f"{difference.mean():+.2f} ± {_error(difference):.2f}",
                f"{np.mean(worst, 0).max():.3f}",
            ]
        )
    show.few(f"{title}, few training questions, {draws} resamples", rows)


def _error(values: Sequence[float] | Array) -> float:
    """Half-width of the 95 % interval of a mean over resamples."""
    return float(1.96 * np.std(values, ddof=1) / np.sqrt(len(values)))


class Show:
    """Prints tables and keeps every figure for the CSV."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.lines: list[list[object]] = []

    def folds(self, title: str, world: World, results: list[Result], seeds: int) -> None:
        said = f"{title}: {len(world.table.ids)} questions, {len(world.table.llms)} LLMs, 5-fold, "
        table = Table(title=f"{said}{seeds} seeds (recorded)", title_justify="left")
        heads = ("points over the mixture at", "budget 1", "2", "3", "4", "mean", "95 %",
                 "− task table", "95 %", "worst", "cost / budget")  # fmt: skip
        for head in heads:
            table.add_column(head, justify="left" if head == heads[0] else "right", no_wrap=True)
        base = results[0]
        for result in results:
            versus = result.gains - base.gains
            low, high = interval(result.draws)
            less, more = interval(result.draws - base.draws)
            table.add_row(
                result.name,
                *(f"{g:+.2f}" for g in result.gains.mean(0)),
                f"{result.gains.mean():+.2f}",
                f"{low:+.1f} … {high:+.1f}",
                f"{versus.mean():+.2f}",
                f"{less:+.1f} … {more:+.1f}",
                f"{versus.mean(0).min():+.2f}",
                f"{result.spent.mean(0).max():.3f}",
            )
            for seed, row in enumerate(result.gains):
                for b, gain in enumerate(row):
                    spent = result.spent[seed, b]
                    self.lines.append(["recorded", title, result.name, seed, b + 1, gain, spent])
        self.console.print(table)

    def few(self, title: str, rows: list[list[str]]) -> None:
        table = Table(title=f"{title} (recorded)", title_justify="left")
        for head in ("trained on", TASK_TABLE, WARM.name, "difference", "cost / budget"):
            table.add_column(head, justify="left" if head == "trained on" else "right")
        for row in rows:
            table.add_row(*row)
            self.lines.append(["recorded", title, *row])
        self.console.print(table)

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["source", "set", "row", "seed", "budget", "points", "cost / budget"])
            writer.writerows(self.lines)


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--path", type=Path, required=True, help="folder of the outcome tables")
    sets = ["beliefs", "answers", "profiles", "paper", "all", "mmlu", "few"]
    parser.add_argument("--sets", nargs="+", default=sets)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--resamples", type=int, default=20)
    text = "training questions of tables of answers"
    parser.add_argument("--answers", type=int, default=160, metavar="N", help=text)
    args = parser.parse_args()
    quiet()
    for name in ("", ".utilities.rank_zero", ".accelerators.cuda"):
        logging.getLogger(f"lightning.pytorch{name}").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    show = Show(make_console(170))
    prices, source = args.path / PRICES, args.path / LLMROUTER
    show.lines += beliefs_on_real_tables(
        args.path, args.sets, args.seeds, args.resamples, show.console, args.answers
    )
    with TemporaryDirectory() as folder:
        for kind in ("paper", "all"):
            if kind not in args.sets and "few" not in args.sets:
                continue
            only = "paper" if kind == "paper" else None
            table = read_outcomes(source, tasks=only, profiles=prices)
            world = World(source, table, prices, folder)
            title = "five paper tasks" if only else "all 13 tasks"
            shorter = 1 if only else 2
            if kind in args.sets:
                learners = [replace(x, epochs=-(-x.epochs // shorter)) for x in LEARNERS]
                compare(title, world, learners, args.seeds, show)
            if "few" in args.sets:
                domains = [domain_of_task(t) for t in table.tasks]
                few(title, world, domains, "domain", args.resamples, show)
                few(title, world, table.tasks, "task", args.resamples, show)
        if "mmlu" in args.sets:
            source = args.path / ROUTELLM
            world = World(source, read_outcomes(source, profiles=ONE_TO_17), ONE_TO_17, folder)
            learners = [WARM, replace(LEARNERS[1], epochs=1)]
            compare("RouteLLM MMLU, prices 1 : 17", world, learners, args.seeds, show)
    show.write(Path("runs/bench/routing.csv"))


if __name__ == "__main__":
    main()
