"""(a) Routing on LLMRouter's table: every method learns from the same answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from graph_cells import Run, fails, table_of
from graph_lone import LonePlanner, llm_of, taught
from graph_metrics import corrected_information
from graph_mlp import EPOCHS, mlp_scores, one_hot
from matched_cost import choose, inner_budgets, interval, price_of_cost
from routing_beliefs import (
    LLMROUTER,
    PRICES,
    Judged,
    RealTable,
    by_task,
    cross_validation,
    llmrouter_table,
    lone,
)

from abgnn.data.arrays import Array, Index
from abgnn.data.query import Query
from abgnn.graph.base_mas import BaseMAS
from abgnn.models import AgentBalance, PlanNet, Policy
from abgnn.outcomes.catalogue import catalogue_of, write_catalogue
from abgnn.outcomes.layouts import read_outcomes
from abgnn.planning import TwoStageBeliefs

TASKS, MLP, ROUTER = (
    "best LLM per task (task means)",
    "MLP on question and profile",
    "two-stage beliefs (Router)",
)
NET, BALANCE = "PlanNet, taught", "AgentBalance, taught"
LABELS = {True: "task named", False: "text alone"}
GRID = np.geomspace(0.125, 8, 13)  # around a price, where a policy's own choices keep a budget


def framework(folder: Path) -> BaseMAS:
    """The table's LLMs, each alone in one role."""
    outcomes = read_outcomes(folder / LLMROUTER, tasks="paper", profiles=folder / PRICES)
    with TemporaryDirectory() as place:
        path = Path(place) / "llms.yaml"
        write_catalogue(catalogue_of(outcomes, folder / PRICES, domain="general"), path, LLMROUTER)
        return BaseMAS(
            catalogue=str(path), template="templates/routing.yaml", encoder="offline", n_pools=1
        )


def reordered(table: RealTable, names: Sequence[str]) -> RealTable:
    """With LLMs in the catalogue's order."""
    at = [table.llms.index(name) for name in names]
    return replace(table, llms=tuple(names), score=table.score[:, at], cost=table.cost[:, at])


def unlabelled(table: RealTable) -> RealTable:
    """Nobody names the task."""
    asked = table.questions
    return replace(table, questions=replace(asked, kinds=("",) * len(asked), by=None))


def cell(
    table: RealTable,
    mas: BaseMAS,
    train: Index,
    test: Index,
    budgets: Array,
    seed: int,
    quick: bool,
) -> dict[str, list[list[int]]]:
    """Which LLM every method chooses for every test question, at four budgets `[4][q]`."""
    questions, m = table.questions, len(table.llms)
    on, at = questions.rows(train), questions.rows(test)
    roles = tuple(role.name for role in mas.template.roles)
    beliefs = TwoStageBeliefs.fit(on, lone(table, train), roles, table.llms)
    cost_on, cost_at = beliefs(on).usd[:, 0], beliefs(at).usd[:, 0]
    out: dict[str, list[list[int]]] = {}

    def route(left_out: Array, score: Array) -> list[list[int]]:
        prices = [price_of_cost(left_out, cost_on, b) for b in budgets]
        return [choose(score, cost_at, p).argmax(1).tolist() for p in prices]

    out[ROUTER] = route(beliefs.left_out, beliefs(at).accuracy[:, 0])
    plain = mlp_scores(on, at, table.score[train], table.cost[train], seed, 1 if quick else EPOCHS)
    out[MLP] = route(plain.left_out, plain.at)
    planner = LonePlanner(mas.template, beliefs, beliefs.left_out, on.ids)
    prices = [price_of_cost(beliefs.left_out, cost_on, b) for b in budgets]
    asked, tested = (_queries(table, rows) for rows in (train, test))
    for who, policy in ((NET, PlanNet()), (BALANCE, AgentBalance())):
        torch.manual_seed(seed)
        points = tuple((p, 0.0) for p in (0.0, *prices))
        learned = taught(policy, mas, planner, asked, on, points, 20 if quick else None)
        out[who] = []
        for price, budget in zip(prices, budgets, strict=True):
            own = price
            if who == BALANCE:
                own = kept_price(learned, mas, asked, cost_on, price, float(budget))
            out[who].append(llm_of(learned, mas, tested, own).tolist())
    assert all(len(four) == 4 and max(map(max, four)) < m for four in out.values())
    return out


def kept_price(
    policy: Policy, mas: BaseMAS, queries: Sequence[Query], cost: Array, price: float, budget: float
) -> float:
    """The least λ near the teacher's at which the policy's own choices on the training questions
    are expected to keep the budget; the greatest, where none is."""
    rows = np.arange(len(queries))
    for own in price * GRID:
        if cost[rows, llm_of(policy, mas, queries, float(own))].mean() <= budget * 1.01:
            return float(own)
    return float(price * GRID[-1])


def _queries(table: RealTable, rows: Index) -> list[Query]:
    asked = table.questions
    by = asked.by
    return [
        Query(
            asked.ids[i], asked.texts[i], "general", meta={} if by is None else {by: asked.kinds[i]}
        )
        for i in rows
    ]


def measure(run: Run) -> None:
    """All cells, and the table."""
    if run.path is None:
        run.console.print("(a) needs --path, a folder of recorded tables: left out")
        return
    mas = framework(run.path)
    table = reordered(llmrouter_table(run.path, paper=True), mas.catalogue.names)
    groups = cross_validation(len(table.score), 1 if run.quick else 2)
    if run.quick:
        groups = [[group[0]] for group in groups]
    tests = [np.concatenate([test for _, test in group]) for group in groups]
    made: dict[tuple[str, str], list[list[Array]]] = {}
    for g, (group, everything) in enumerate(zip(groups, tests, strict=True)):
        budgets = inner_budgets(table.cost[everything])
        parts: dict[tuple[str, str], list[list[Array]]] = {}
        for k, (train, test) in enumerate(group):
            means = by_task(table, train, test, budgets)
            parts.setdefault((TASKS, LABELS[True]), []).append(means)
            for named, label in LABELS.items():
                of = table if named else unlabelled(table)
                chosen: Any = run.cell(
                    f"a-{g}-{k}-{'named' if named else 'text'}",
                    lambda at=(of, mas, train, test, budgets, g, run.quick): cell(*at),
                )
                for who, four in chosen.items():
                    hot = [one_hot(np.array(x), len(table.llms)) for x in four]
                    parts.setdefault((who, label), []).append(hot)
        for key, splits in parts.items():
            whole = [np.concatenate([four[b] for four in splits]) for b in range(4)]
            made.setdefault(key, []).append(whole)
    results = {key: Judged(tests, each) for key, each in made.items()}
    _show(run, table, results)


def _show(run: Run, table: RealTable, results: dict[tuple[str, str], Judged]) -> None:
    title = f"(a) LLMRouter, five tasks, {len(table.score)} questions, {len(table.llms)} LLMs "
    title += "(recorded), 5-fold: points over the mixture of single LLMs at the same realised cost"
    heads = [
        "who",
        "reads",
        "points",
        "95 %",
        "− two-stage",
        "95 %",
        "cost / budget",
        "LLMs",
        "bits on the task",
    ]
    shown = table_of(title, heads)
    draws = {key: judged.draws(table) for key, judged in results.items()}
    tasks = np.array(table.questions.kinds)
    lines = []
    for (who, label), judged in results.items():
        gain, base = draws[who, label], draws[ROUTER, label]
        low, high = interval(gain[1:])
        less, more = interval((gain - base)[1:])
        spent = " ".join(f"{x:.2f}" for x in judged.spent(table).mean(0))
        fewest, bits = usage(judged, tasks)
        shown.add_row(
            who, label, f"{gain[0]:+.2f}", f"{low:+.1f} … {high:+.1f}",
            f"{gain[0] - base[0]:+.2f}", f"{less:+.1f} … {more:+.1f}", spent, fewest, f"{bits:.2f}",
        )  # fmt: skip
        lines += _says(who, label, float(gain[0]), float(base[0]), fewest)
    run.console.print(shown)
    run.console.print("\n".join(lines) or "Everything above holds.")
    run.console.print(
        "PlanNet corrects teams only: with lone agents it is what its teacher believes, and its "
        "row is the Router's by construction."
    )


def usage(judged: Judged, tasks: Array) -> tuple[str, float]:
    """How many LLMs are used at each budget (the fewest over resamples), and mutual information
    with the task, mean over budgets, less what chance gives."""
    counts, bits = [], []
    for test, four in zip(judged.tests, judged.routings, strict=True):
        chosen = [r.argmax(1).tolist() for r in four]
        counts.append([len(set(c)) for c in chosen])
        bits.append(np.mean([corrected_information(c, tasks[test].tolist(), 50) for c in chosen]))
    return " ".join(map(str, np.min(counts, 0))), float(np.mean(bits))


def _says(who: str, label: str, gain: float, base: float, llms: str) -> list[str]:
    lines, what = [], f"{who} ({label})"
    if who == BALANCE and gain < 5.0:
        lines.append(fails(f"{what} is 5 points above the mixture", f"{gain:+.2f}"))
    if who == BALANCE and min(map(int, llms.split())) < 3:
        lines.append(fails(f"{what} uses three LLMs at every budget", llms))
    if who == BALANCE and gain < 0.95 * base:
        lines.append(fails(f"{what} keeps 95 % of its teacher's {base:+.2f}", f"{gain:+.2f}"))
    if who == MLP and gain > base:
        lines.append(fails(f"two-stage beliefs are above {what}", f"{base - gain:+.2f}"))
    return lines
