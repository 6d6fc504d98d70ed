"""(a) Routing on LLMRouter's table: every method learns from the same answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from graph_cells import Run, fails
from graph_lone import TEACHER, Recorded, one_hot
from graph_metrics import corrected_information
from graph_mlp import EPOCHS, mlp_scores
from graph_taught import BALANCE, NET
from matched_cost import choose, inner_budgets, interval, price_of_cost
from over_worlds import table_of
from routing_beliefs import (
    Judged,
    RealTable,
    by_task,
    cross_validation,
    llmrouter_table,
)

from abgnn.data.arrays import Array, Index
from abgnn.planning import TwoStageBeliefs
from abgnn.planning.lone_outcomes import LoneOutcomes

TASKS = "best LLM per task (task means)"
MLP = "MLP on question and profile"
ROUTER = "two-stage beliefs (Router)"
Choices = dict[str, list[list[int]]]  # which LLM each test question gets, at four budgets
LABELS = {True: "task named", False: "text alone"}


def unlabelled(table: RealTable) -> RealTable:
    """Nobody names the task."""
    questions = table.questions
    return replace(table, questions=replace(questions, kinds=("",) * len(questions), by=None))


def cell(
    table: RealTable,
    recorded: Recorded,
    train: Index,
    test: Index,
    budgets: Array,
    named: bool,
    quick: bool,
) -> Choices:
    """Which LLM every method chooses for every test question, at four budgets `[4][q]`."""
    beliefs = two_stage(table, train)
    at = beliefs(table.questions.rows(test)).accuracy[:, 0]
    steps = 20 if quick else None
    return {
        ROUTER: routed(table, train, test, budgets, beliefs.left_out, at),
        **recorded.chosen(train, test, budgets.tolist(), named=named, steps=steps),
    }


def plain_cell(table: RealTable, train: Index, test: Index, budgets: Array, quick: bool) -> Choices:
    """The same of the network without a graph; what LLMs cost is believed as elsewhere."""
    on, at = table.questions.rows(train), table.questions.rows(test)
    answers = table.score[train], table.cost[train]
    plain = mlp_scores(on, at, *answers, seed=0, epochs=1 if quick else EPOCHS)
    return {MLP: routed(table, train, test, budgets, plain.left_out, plain.at)}


def two_stage(table: RealTable, train: Index) -> TwoStageBeliefs:
    outcomes = LoneOutcomes(table.score[train], table.cost[train], table.cost[train])
    return TwoStageBeliefs.fit(table.questions.rows(train), outcomes, ("lead",), table.llms)


def routed(
    table: RealTable, train: Index, test: Index, budgets: Array, left_out: Array, score: Array
) -> list[list[int]]:
    """The best LLM by score less price of its cost; prices are those at which the training
    questions, each left out, keep the budgets."""
    beliefs = two_stage(table, train)
    on, at = (beliefs(table.questions.rows(rows)).usd[:, 0] for rows in (train, test))
    prices = [price_of_cost(left_out, on, b) for b in budgets]
    return [choose(score, at, p).argmax(1).tolist() for p in prices]


def measure(run: Run) -> None:
    """All cells, and the table."""
    if run.path is None:
        run.console.print("(a) needs --path, a folder of recorded tables: left out")
        return
    recorded, table = Recorded.of(run.path), llmrouter_table(run.path, paper=True)
    groups = cross_validation(len(table.score), 1)
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
                place = f"{g}-{k}-{'named' if named else 'text'}"
                chosen: Choices = run.cell(
                    f"a-mlp-{place}",
                    lambda at=(of, train, test, budgets, run.quick): plain_cell(*at),
                ) | run.cell(
                    f"a-{place}",
                    lambda at=(of, recorded, train, test, budgets, named, run.quick): cell(*at),
                )
                for who, four in chosen.items():
                    hot = [one_hot(x, len(table.llms)) for x in four]
                    parts.setdefault((who, label), []).append(hot)
        for key, splits in parts.items():
            whole = [np.concatenate([four[b] for four in splits]) for b in range(4)]
            made.setdefault(key, []).append(whole)
    results = {key: Judged(tests, each) for key, each in made.items()}
    _show(run, table, results)


def _show(run: Run, table: RealTable, results: dict[tuple[str, str], Judged]) -> None:
    title = f"(a) LLMRouter, five tasks, {len(table.score)} questions, {len(table.llms)} LLMs "
    title += "(recorded), 5-fold: points over the mixture of single LLMs at the same realised cost"
    heads = ["who", "reads", "points", "95 %", "− two-stage", "95 %"]
    heads += ["cost / budget", "LLMs", "bits on the task"]
    shown = table_of(title, heads)
    draws = {key: judged.draws(table) for key, judged in results.items()}
    tasks = np.array(table.questions.kinds)
    lines = []
    for (who, label), judged in results.items():
        gain, base = draws[who, label], draws[ROUTER, label]
        taught = float(draws[TEACHER, label][0])
        low, high = interval(gain[1:])
        less, more = interval((gain - base)[1:])
        spent = " ".join(f"{x:.2f}" for x in judged.spent(table).mean(0))
        fewest, bits = usage(judged, tasks)
        shown.add_row(
            who, label, f"{gain[0]:+.2f}", f"{low:+.1f} … {high:+.1f}",
            f"{gain[0] - base[0]:+.2f}", f"{less:+.1f} … {more:+.1f}", spent, fewest, f"{bits:.2f}",
        )  # fmt: skip
        lines += _says(f"{who} ({label})", float(gain[0]), float(base[0]), taught, fewest)
    run.console.print(shown)
    run.console.print("\n".join(lines) or "Everything above holds.")
    run.console.print(
        "PlanNet corrects teams only: with lone agents it is what its teacher believes, and its "
        "row is the planner's by construction."
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


def _says(who: str, gain: float, base: float, teacher: float, llms: str) -> list[str]:
    lines = []
    if who.startswith(BALANCE) and gain < 5.0:
        lines.append(fails(f"{who} is 5 points above the mixture", f"{gain:+.2f}"))
    if who.startswith(BALANCE) and min(map(int, llms.split())) < 3:
        lines.append(fails(f"{who} uses three LLMs at every budget", llms))
    if who.startswith((BALANCE, NET)) and gain < 0.95 * teacher:
        lines.append(fails(f"{who} keeps 95 % of its teacher's {teacher:+.2f}", f"{gain:+.2f}"))
    if who.startswith(TEACHER) and gain < base - 0.2:
        lines.append(fails(f"{who} is at most .2 below two-stage", f"{gain - base:+.2f}"))
    if who.startswith(MLP) and gain > base:
        lines.append(fails(f"two-stage beliefs are above {who}", f"{base - gain:+.2f}"))
    return lines
