"""BAMAS in the simulated world: budgets that hold, patterns against the release's, learning.

Whatever is printed here is *simulated*. Questions: QuickQA; tiers Qwen3-32B and Qwen3-8B.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Sequence
from itertools import islice, product

import torch
from rich.console import Console
from rich.table import Table

from abgnn.data.query import Query
from abgnn.evaluation.rows import summarise
from abgnn.graph.base_mas import BaseMAS
from abgnn.models import Bamas, NaiveCostAware
from abgnn.rollout import Executor, Outcome, SimulatedClient
from abgnn.training import OfflineSettings, collect, fit_offline
from abgnn.training.evaluate import evaluate
from datamodules import QuickQA

CATALOGUE, STRONG, WEAK = "catalogues/paper.yaml", "Qwen3-32B", "Qwen3-8B"
BUDGETS = [3e-4, 5e-4, 8e-4, 1.2e-3, 1.6e-3]
TOKENS = 800


def bamas(mas: BaseMAS, **kwargs: object) -> Bamas:
    torch.manual_seed(0)
    policy = Bamas(
        catalogue=CATALOGUE,
        tiers=[STRONG, WEAK],
        budgets_usd=BUDGETS,
        max_tokens=dict.fromkeys(("planner", "executor", "critic"), TOKENS),
        **kwargs,  # type: ignore[arg-type]
    )
    policy.attach(mas.table)
    return policy


def overspending(mas: BaseMAS, data: QuickQA, n: int, console: Console) -> None:
    """n queries, all patterns and budgets in turn, each with a sample of its own."""
    policy = bamas(mas)
    cells = product(range(n), data.load(), policy.patterns, BUDGETS)
    chosen = list(islice(cells, n))
    plans = [policy.market.plan(q, mas.template, p, b) for _, q, p, b in chosen]
    with Executor(SimulatedClient(0), mas.catalogue, data) as runs:
        began = time.perf_counter()
        outcomes = runs.run(plans, samples=[k for k, *_ in chosen])
        seconds = time.perf_counter() - began
    used = [o.cost / (o.plan.budget_usd or 1) for o in outcomes]
    twice = sum(max(Counter(c.agent for c in o.calls).values()) > 1 for o in outcomes)
    beyond = sum(len(o.calls) > len(o.plan.agents) for o in outcomes)
    console.print(
        f"simulated: {n:,} queries, {sum(u > 1 for u in used)} overspent (most: {max(used):.1%} of "
        f"the budget, mean {sum(used) / n:.1%}), {twice + beyond} called more than was bought, "
        f"{sum(o.error is not None for o in outcomes)} failed; {n / seconds:,.0f} rollouts a second"
    )


def patterns(mas: BaseMAS, data: QuickQA, console: Console) -> None:
    """Accuracy and USD per 1,000 queries of every pattern and budget, and of the greedy lines."""
    table = Table(
        "simulated", *(f"${b * 1e3:g}e-3" for b in BUDGETS), title="accuracy (USD / 1,000)"
    )
    for released, pattern in product((False, True), ("linear", "star", "feedback", "planner")):
        rows = [
            row(mas, data, bamas(mas, patterns=[pattern], budget_usd=b, as_released=released))
            for b in BUDGETS
        ]
        table.add_row(f"{pattern}{', as released' if released else ''}", *map(shown, rows))
    for backbone in (STRONG, WEAK):
        rows = [row(mas, data, naive(mas, backbone, level)) for level in range(1, 6)]
        table.add_row(f"Naive-CostAware, {backbone}", *map(shown, rows))
    console.print(table)


def naive(mas: BaseMAS, backbone: str, level: int) -> NaiveCostAware:
    return NaiveCostAware(
        backbone, level, catalogue=CATALOGUE, budgets_usd=BUDGETS, max_tokens=TOKENS
    )


def row(
    mas: BaseMAS,
    data: QuickQA,
    policy: Bamas | NaiveCostAware,
    queries: Sequence[Query] | None = None,
) -> list[Outcome]:
    with Executor(SimulatedClient(0), mas.catalogue, data) as runs:
        return evaluate(policy, mas, runs, queries or data.load(), samples=2, first_sample=100)


def shown(outcomes: list[Outcome]) -> str:
    mean = summarise("", outcomes)
    return f"{mean.performance:.3f} ({mean.cost_usd * 1e3:.2f})"


def learning(mas: BaseMAS, data: QuickQA, console: Console) -> None:
    """From the cross product of half the questions to the other half."""
    train, test = data.queries("train"), data.queries("test")
    ways = {
        "no training": None,
        "as released: 10 steps of -ln π R": OfflineSettings(),
        "-ln π R, 100 steps": OfflineSettings(epochs=100),
        "Σ π R, 100 steps": OfflineSettings(epochs=100, estimator="expected", baseline="standard"),
    }
    title = (
        f"offline learning, {len(train)} questions; accuracy (USD / 1,000) on {len(test)} others"
    )
    table = Table("simulated", *(f"${b * 1e3:g}e-3" for b in BUDGETS), title=title)
    with Executor(SimulatedClient(0), mas.catalogue, data) as runs:
        recorded = collect(bamas(mas), mas, runs, train)
    for name, settings in ways.items():
        policy = bamas(mas)
        if settings is not None:
            fit_offline(policy, recorded, mas.batch(train).query_embed, settings)
        cells = []
        for budget in BUDGETS:
            policy.budget_usd = budget
            cells.append(shown(row(mas, data, policy, test)))
        table.add_row(name, *cells)
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=10_000)
    given = parser.parse_args()
    console = Console(width=120)
    mas = BaseMAS("general", CATALOGUE, encoder="offline")
    data = QuickQA(n_train=90, n_val=0, n_test=90)
    overspending(mas, data, given.queries, console)
    patterns(mas, data, console)
    learning(mas, data, console)


if __name__ == "__main__":
    main()
