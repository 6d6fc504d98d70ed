"""Kinds of beliefs as routers on tables of real answers; no rollouts, no gradient steps.

Every kind predicts accuracy and USD of each LLM on each question; λ is set from what it says of its
own training questions when they are left out, and the routing is judged at its realised cost
against the best mixture of single LLMs, as in `routing.py`. Intervals resample questions; all
resamples of training questions are judged on the same draws, so that differences are paired.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from matched_cost import (
    choose,
    folds,
    inner_budgets,
    interval,
    mix_to_budget,
    price_of_cost,
    shrunk_means,
)
from rich.console import Console
from rich.table import Table

from abgnn.data.arrays import Array, Index
from abgnn.data.catalogue import Catalogue
from abgnn.data.query import Query
from abgnn.evaluation.frontier import upper_envelope
from abgnn.graph.base_mas import BaseMAS
from abgnn.graph.encoders import TextEncoder
from abgnn.outcomes.layouts import read_outcomes
from abgnn.outcomes.table import OutcomeTable
from abgnn.planning import NearnessBeliefs, Observations, Prior, Questions
from abgnn.planning.by_question import QuestionPlanner
from abgnn.planning.calibration import Calibration
from abgnn.planning.exemplars import centroids_of, published_logits, read_families, texts_of
from abgnn.planning.lone_beliefs import Tried, tried_kinds
from abgnn.planning.lone_calls import left_out_shift
from abgnn.planning.question_calls import Seen

DRAWS = 400
LLMROUTER, PRICES = "outcomes_llmrouter_9llm.jsonl", "llmrouter_9llm_profiles.json"
ANSWERS = {
    "ZeroEval, GSM8K and CRUX": ("answers_zeroeval_25llm.jsonl", 15, ()),
    "MMLU-Pro, 14 subjects": ("answers_mmlupro_19llm.jsonl", 13, ("Meta-Llama-3-70B",)),
}
"""File, how many of its LLMs, and which of these not (a base model)."""


@dataclass(frozen=True)
class RealTable:
    """Questions, scores `[Q, M]` and USD `[Q, M]` of real LLMs."""

    questions: Questions
    llms: tuple[str, ...]
    score: Array
    cost: Array

    @classmethod
    def of(
        cls, texts: Sequence[str], tasks: Sequence[str], llms: Sequence[str], *values: Array
    ) -> RealTable:
        asked = [
            Query(str(i), text, "general", meta={"task": task})
            for i, (text, task) in enumerate(zip(texts, tasks, strict=True))
        ]
        embed = TextEncoder("offline")(list(texts)).double().numpy()
        return cls(Questions.of(asked, embed, by="task"), tuple(llms), *values)

    @classmethod
    def from_outcomes(cls, table: OutcomeTable) -> RealTable:
        return cls.of(table.texts, table.tasks, table.llms, table.score, table.cost)


def llmrouter_table(folder: Path, paper: bool) -> RealTable:
    table = read_outcomes(
        folder / LLMROUTER, tasks="paper" if paper else None, profiles=folder / PRICES
    )
    return RealTable.from_outcomes(table)


def study_of(
    path: Path, first: int, without: Sequence[str], *, others: bool = False
) -> OutcomeTable:
    """A table of answers of the LLMs that are reported on, or of the others."""
    table = read_outcomes(path)
    study = [name for name in table.llms[:first] if name not in without]
    return table.only([m for m in table.llms if m not in study] if others else study)


def kinds_of_beliefs(table: RealTable, train: Index) -> dict[str, tuple[QuestionPlanner, Tried]]:
    """The planner of a complete calibration by each kind of beliefs, and by the chosen one."""
    questions, observed = table.questions.rows(train), observations(table, train)
    mas = BaseMAS("general", template="templates/routing.yaml", encoder="offline")
    everyone = (tuple(range(len(table.llms))),)
    planner = Calibration(
        "recorded", "general", level_profile(table, train), mas.template, everyone, observed,
        len(observed), 0.0, questions=questions, role_embedding=mas.role_embed.double().numpy(),
    ).by_question()  # fmt: skip
    model = planner.model
    seen = Seen.of(model.features, questions)
    shift = left_out_shift(model.layout, model.left_out, planner.profile.thinks, seen)
    tried = tried_kinds(observed, questions, replace(seen, shift=shift), planner.team)
    assert planner.lone is not None
    tried["chosen by leave-one-out"] = tried[planner.lone.name]
    return {name: (replace(planner, lone=kind.lone), kind) for name, kind in tried.items()}


def observations(table: RealTable, rows: Index) -> Observations:
    """Every LLM once on every question."""
    n, llms = len(rows), len(table.llms)
    query, llm = np.repeat(np.arange(n), llms), np.tile(np.arange(llms), n)
    nothing, lead = np.zeros(n * llms), np.zeros(n * llms, dtype=np.int64)
    score, cost = table.score[rows].ravel(), table.cost[rows].ravel()
    return Observations(
        query, llm, lead, score, nothing, nothing, cost, cost, nothing + 100, np.zeros(n),
        np.zeros(n, dtype=np.int64),
    )  # fmt: skip


def level_profile(table: RealTable, train: Index) -> Prior:
    """Nothing is known of an LLM but what its calls cost."""
    cost, n = table.cost[train].mean(0), len(table.llms)
    level = np.full(n, np.clip(table.score[train].mean(), 0.01, 0.99))
    return Prior(table.llms, level, cost, cost, np.zeros(n, dtype=bool), cost, 100.0)


@dataclass(frozen=True)
class Judged:
    """Routings of R resamples under four budgets, of test questions only."""

    tests: list[Index]
    routings: list[list[Array]]  # [R][4] of [q, M]

    def draws(self, table: RealTable, seed: int = 0) -> Array:
        """Mean gain in points: of the table as it is, then of resampled questions, `[1 + D]`."""
        rng, n = np.random.default_rng(seed), len(table.score)
        weights = [np.ones(n)] + [
            np.bincount(rng.integers(0, n, n), minlength=n).astype(float) for _ in range(DRAWS)
        ]
        gains = np.zeros(len(weights))
        for test, four in zip(self.tests, self.routings, strict=True):
            score, cost = table.score[test], table.cost[test]
            made = np.stack([(r * score).sum(1) for r in four])
            spent = np.stack([(r * cost).sum(1) for r in four])
            for d, weight in enumerate(weights):
                w = weight[test] / weight[test].sum()
                best = upper_envelope(np.stack([w @ cost, w @ score], 1))
                best = best[: int(best[:, 1].argmax()) + 1]
                mixture = np.interp(spent @ w, best[:, 0], best[:, 1])
                gains[d] += 100 * float((made @ w - mixture).mean())
        return gains / len(self.tests)

    def spent(self, table: RealTable) -> Array:
        """Realised cost over budget, `[R, 4]`."""
        rows = []
        for test, four in zip(self.tests, self.routings, strict=True):
            cost = table.cost[test]
            rows.append([float((r * cost).sum(1).mean()) for r in four] / inner_budgets(cost))
        return np.array(rows)


Split = tuple[Index, Index]


def resamples(n: int, train: int, times: int) -> list[Split]:
    """Random training questions; the others are tested."""
    out = []
    for r in range(times):
        order = np.random.default_rng(1000 + r).permutation(n)
        out.append((np.sort(order[:train]), np.sort(order[train:])))
    return out


def cross_validation(n: int, seeds: int) -> list[list[Split]]:
    """Five folds for each seed."""
    return [
        [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(5)]
        for fold in (folds(n, 5, seed) for seed in range(seeds))
    ]


def routings(table: RealTable, groups: Sequence[Sequence[Split]]) -> dict[str, Judged]:
    """Every kind of beliefs on the same splits; those of a group are judged together."""
    made: dict[str, list[list[Array]]] = {}
    tests = [np.concatenate([test for _, test in group]) for group in groups]
    for group, everything in zip(groups, tests, strict=True):
        budgets = inner_budgets(table.cost[everything])
        parts: dict[str, list[list[Array]]] = {}
        for train, test in group:
            parts.setdefault("best LLM per task", []).append(by_task(table, train, test, budgets))
            for name, kind in kinds_of_beliefs(table, train).items():
                parts.setdefault(name, []).append(route(table, *kind, test, budgets))
        for name, splits in parts.items():
            whole = [np.concatenate([four[b] for four in splits]) for b in range(4)]
            made.setdefault(name, []).append(whole)
    return {name: Judged(tests, each) for name, each in made.items()}


def route(
    table: RealTable, planner: QuestionPlanner, kind: Tried, test: Index, budgets: Array
) -> list[Array]:
    at = planner(table.questions.rows(test))
    assert kind.usd is not None, "of recorded calls"
    prices = [price_of_cost(kind.left_out, kind.usd, b) for b in budgets]
    return [choose(at.accuracy[:, 0], at.usd[:, 0], price) for price in prices]


def by_task(table: RealTable, train: Index, test: Index, budgets: Array) -> list[Array]:
    """Shrunk means of the tasks, mixed to the budget."""
    kinds = table.questions.kinds

    def means(rows: Index) -> tuple[Array, Array]:
        of, at = [kinds[i] for i in train], [kinds[i] for i in rows]
        score = shrunk_means(table.score[train], of, at, 5.0)
        return score, shrunk_means(table.cost[train], of, at, 1.0)

    return [mix_to_budget(*means(train), *means(test), b) for b in budgets]


def without_data(table: RealTable, catalogue: str) -> dict[str, Judged]:
    """Published scores alone: the same for all questions, and by nearness to benchmarks."""
    known = Catalogue.from_yaml(catalogue)
    families = read_families()
    embed = TextEncoder("offline")(texts_of(families)).double().numpy()
    prior, published = Prior.of(known, "general"), published_logits(known, families)
    beliefs = NearnessBeliefs.of(prior, published, centroids_of(families, embed), ("lead",))
    score = beliefs(table.questions).accuracy[:, 0]
    blind = np.tile(prior.accuracy, (len(score), 1))
    cost = np.tile(table.cost.mean(0), (len(score), 1))
    budgets = inner_budgets(table.cost)
    everything = [np.arange(len(score))]
    near = [choose(score, cost, price_of_cost(score, cost, b)) for b in budgets]
    same = [mix_to_budget(blind, cost, blind, cost, b) for b in budgets]
    return {
        "profiles, the same for all questions": Judged(everything, [same]),
        "profiles by nearness": Judged(everything, [near]),
    }


def show(
    title: str, table: RealTable, results: Mapping[str, Judged], console: Console
) -> list[list[object]]:
    """A table of gains, and of differences from its first row; rows for the CSV."""
    size = f"{len(table.score)} questions, {len(table.llms)} LLMs"
    out = Table(title=f"{title}: {size} (recorded)", title_justify="left")
    for head in ("points over the mixture", "mean", "95 %", "− first row", "95 %", "cost / budget"):
        out.add_column(head, justify="left" if head.startswith("points") else "right")
    lines: list[list[object]] = []
    base: Array | None = None
    for name, judged in results.items():
        gain = judged.draws(table)
        base = gain if base is None else base
        spent = judged.spent(table).mean(0)
        low, high = interval(gain[1:])
        less, more = interval((gain - base)[1:])
        out.add_row(
            name,
            f"{gain[0]:+.2f}",
            f"{low:+.1f} … {high:+.1f}",
            f"{gain[0] - base[0]:+.2f}",
            f"{less:+.1f} … {more:+.1f}",
            " ".join(f"{s:.2f}" for s in spent),
        )
        values = [gain[0], low, high, gain[0] - base[0], less, more]
        lines.append(["recorded", title, name, *(round(float(v), 3) for v in values)])
    console.print(out)
    return lines


def beliefs_on_real_tables(
    folder: Path,
    sets: Sequence[str],
    seeds: int,
    times: int,
    console: Console,
    answers: int = 160,
) -> list[list[object]]:
    """`beliefs`: LLMRouter, 5-fold; `answers`: so many training questions; `profiles`: none."""
    lines: list[list[object]] = []
    for paper in (True, False):
        title = "LLMRouter, five tasks" if paper else "LLMRouter, all 13 tasks"
        if not {"beliefs", "profiles"} & {*sets}:
            continue
        table = llmrouter_table(folder, paper)
        if "profiles" in sets:
            results = without_data(table, "catalogues/llmrouter.yaml")
            lines += show(f"{title}, no data", table, results, console)
        if "beliefs" in sets:
            results = routings(table, cross_validation(len(table.score), seeds))
            lines += show(f"{title}, 5-fold", table, results, console)
    for title, (name, first, without) in ANSWERS.items() if "answers" in sets else ():
        table = RealTable.from_outcomes(study_of(folder / name, first, without))
        splits = resamples(len(table.score), answers, times)
        results = routings(table, [[split] for split in splits])
        lines += show(f"{title}, {answers} training questions", table, results, console)
    return lines
