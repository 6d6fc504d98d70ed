"""The planner in the recorded world, beside the router from as many calls (recorded).

Half of the questions train, the other half is judged. By question: `Calibration.by_question()`. All
calls: every LLM has answered each of them. Few questions (about 870 calls), and the router's few
calls: every LLM has answered 22 of each task. Few calls: as many, spread over all questions.
Budgets: four, equally spaced strictly inside the range of the LLMs' mean costs; gains are over the
random mixture of single LLMs at the same realised cost. Intervals are over resamples.
"""

from __future__ import annotations

import csv
import logging
import math
import warnings
from argparse import ArgumentParser
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from matched_cost import few_per_group, inner_budgets, judge
from rich.table import Table
from routing import LLMROUTER, PRICES, WARM, Dealt, Rows, World

from abgnn.console import make_console
from abgnn.data.arrays import Array
from abgnn.difficulty.scale import standard_difficulty
from abgnn.experiments.experiment import quiet
from abgnn.experiments.published import published_scores
from abgnn.models.questions import questions_of
from abgnn.outcomes.layouts import read_outcomes
from abgnn.planning import (
    Budget,
    Mixture,
    PlanSpace,
    Prior,
    QuestionPlan,
    calibration_plans,
    observe,
)
from abgnn.planning.calibration import Calibration
from abgnn.planning.planner import plan
from abgnn.rollout import Executor, RecordedClient
from abgnn.training.profiles_alone import kinds_of


def calibrated(world: World, train: Rows, calls: int, seed: int) -> Calibration:
    """So many recorded calls on training questions; no LLM twice on one before all were once."""
    table, mas = world.table, world.mas
    data = Dealt(world.path, table, train, train[:1], seed)
    queries = data.queries("train")
    names, everything = mas.catalogue.names, (tuple(range(len(mas.catalogue))),)
    profile = Prior.of(mas.catalogue, mas.domain)
    plans = calibration_plans(queries, PlanSpace(mas.template, everything), names, calls, seed)
    with Executor(RecordedClient.of(table), mas.catalogue, data) as executor:
        outcomes = executor.run(plans, samples=list(range(len(plans))), phase="calibrate")
    kinds, group = kinds_of(queries, "subject")
    difficulty = standard_difficulty(mas, queries)
    observed = observe(outcomes, data, profile, mas.template, difficulty, group)
    return Calibration(
        "recorded", mas.domain, profile, mas.template, everything, observed, calls, 0.0, "",
        "subject", kinds, questions_of(mas, queries, "subject"), mas.role_embed.double().numpy(),
        mas.encode.model, published_scores(mas),
    )  # fmt: skip


def by_question(model: Calibration, world: World, test: Rows, budgets: Array) -> list[Array]:
    """One-hot choices of the plans that read the question."""
    queries = Dealt(world.path, world.table, test[:1], test, 0).queries("test")
    questions = questions_of(world.mas, queries, "subject")
    names, llms = model.profile.names, list(world.table.llms)
    first = QuestionPlan.of(model, Budget(float(budgets[-1])))
    column = [llms.index(names[d.agents[0][1]]) for d in first.planner.designs]
    plans = [first.at(Budget(float(b))) for b in budgets]
    return [np.eye(len(llms))[[column[d] for d in plan.choose(questions)]] for plan in plans]


def routing_of(mixture: Mixture, world: World, rows: Rows) -> Array:
    """Probability of every LLM for every question, `[R, M]`."""
    names, llms = list(world.mas.catalogue.names), list(world.table.llms)
    out = np.zeros((len(rows), len(llms)))
    for r, task in enumerate(world.table.tasks[i] for i in rows):
        for part in mixture.parts:
            if part.group == task:
                ((_, m),) = part.candidate.design.agents
                out[r, llms.index(names[m])] += part.share
    probability: Array = out / out.sum(1, keepdims=True)
    return probability


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--path", type=Path, required=True, help="folder of the outcome tables")
    parser.add_argument("--resamples", type=int, default=10)
    parser.add_argument("--questions", type=int, default=22, help="of each task, for the router")
    args = parser.parse_args()
    quiet()
    for name in ("", ".utilities.rank_zero", ".accelerators.cuda"):
        logging.getLogger(f"lightning.pytorch{name}").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    prices, source = args.path / PRICES, args.path / LLMROUTER
    found: dict[str, list[list[tuple[float, float]]]] = defaultdict(list)
    with TemporaryDirectory() as folder:
        table = read_outcomes(source, tasks="paper", profiles=prices)
        world = World(source, table, prices, folder)
        for seed in range(args.resamples):
            order = np.random.default_rng(seed).permutation(len(table.ids))
            train, test = np.sort(order[::2]), np.sort(order[1::2])
            few = train[few_per_group([table.tasks[i] for i in train], args.questions, seed)]
            calls = len(few) * len(table.llms)
            score, cost = table.score[test], table.cost[test]
            budgets = inner_budgets(cost)
            whole = calibrated(world, train, len(train) * len(table.llms), seed)
            all_of_few = calibrated(world, few, calls, seed)
            model = calibrated(world, train, calls, seed)
            plans = [plan(model, Budget(float(b)), seed=seed) for b in budgets]
            routed = {
                "planner, by question, all calls": by_question(whole, world, test, budgets),
                "planner, by question, few questions": by_question(
                    all_of_few, world, test, budgets
                ),
                "planner, by question, few calls": by_question(model, world, test, budgets),
                "planner, by task, few calls": [routing_of(p, world, test) for p in plans],
                "router, few calls": world.learn(WARM, few, test, seed),
                "router, all calls": world.learn(WARM, train, test, seed),
            }
            for name, routings in routed.items():
                judged = [judge(r, score, cost, b) for r, b in zip(routings, budgets, strict=True)]
                found[name].append([(100 * j.gain, j.spent) for j in judged])
    report(found)


def report(found: dict[str, list[list[tuple[float, float]]]]) -> None:
    """Means over budgets with intervals, and realised cost over budget."""
    shown = Table(title="five tasks, nine LLMs (recorded)", title_justify="left")
    for head in ("", "points over the mixture ± 95 %", "cost / budget 1 … 4", "worst"):
        shown.add_column(head, justify="right" if head else "left")
    lines: list[list[object]] = []
    for name, values in found.items():
        both = np.array(values)  # [resamples, 4, 2]
        gain = both[:, :, 0].mean(1)
        half = 1.96 * gain.std(ddof=1) / math.sqrt(len(gain)) if len(gain) > 1 else math.nan
        spent = both[:, :, 1]
        shown.add_row(
            name,
            f"{gain.mean():+.2f} ± {half:.2f}",
            " ".join(f"{s:.3f}" for s in spent.mean(0)),
            f"{spent.max():.3f}",
        )
        lines += [
            ["recorded", name, seed, b + 1, *pair]
            for seed, four in enumerate(values)
            for b, pair in enumerate(four)
        ]
    make_console(120).print(shown)
    path = Path("runs/bench/recorded_planner.csv")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["source", "row", "resample", "budget", "points", "cost / budget"])
        writer.writerows(lines)


if __name__ == "__main__":
    main()
