"""Difficulty on real outcomes: what ships, what it is worth, and what other LLMs' outcomes give.

Give the folder of outcomes_llmrouter_9llm.jsonl, outcomes_routellm_mmlu_2llm.csv and
outcomes_routellm_gsm8k_2llm.csv. `ship` trains the packaged heads instead of judging.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from abgnn.data.arrays import Array

sys.path.insert(0, str(Path(__file__).parents[2]))

from abgnn.data.arrays import Index
from abgnn.difficulty.averaged import AveragedEase
from abgnn.difficulty.fit import FitSettings, fit_estimator, quiet
from abgnn.difficulty.folds import FIGURES, Interval, Predicted, cross_predict, figures
from abgnn.difficulty.head_file import save_head
from abgnn.difficulty.judge import around_means, figures_table, judge
from abgnn.difficulty.kernel import KernelEase
from abgnn.difficulty.task_means import TaskMeans
from abgnn.evaluation.ease_metrics import EaseFigures, Observed
from abgnn.graph.encoders import TextEncoder
from abgnn.outcomes.layouts import read_outcomes
from abgnn.outcomes.table import OutcomeTable

ROOT = Path(__file__).parents[2]
FROZEN = FitSettings(encoder="offline", train_layers=0)
SHIPPED = replace(FROZEN, tasks=False, rebalance=False)


def pick(values: Sequence[str], index: Index) -> list[str]:
    return [values[i] for i in index]


def without(table: OutcomeTable, texts: set[str]) -> OutcomeTable:
    """The table's questions other than these."""
    return table.rows(np.array([text not in texts for text in table.texts]))


class Tables:
    """The three tables, and embeddings of their questions."""

    def __init__(self, folder: Path) -> None:
        self.llmrouter = read_outcomes(folder / "outcomes_llmrouter_9llm.jsonl")
        self.five = read_outcomes(folder / "outcomes_llmrouter_9llm.jsonl", tasks="paper")
        self.mmlu = read_outcomes(folder / "outcomes_routellm_mmlu_2llm.csv")
        self.gsm8k = read_outcomes(folder / "outcomes_routellm_gsm8k_2llm.csv")
        self.encode = TextEncoder("offline")

    @property
    def shipped(self) -> list[OutcomeTable]:
        """Without RouteLLM's MMLU, whose 8,000 questions drown the others (see the card)."""
        return [self.llmrouter, self.gsm8k]


def trained(table: OutcomeTable, settings: FitSettings, repeats: int) -> dict[str, Interval]:
    """5-fold figures of an estimator trained on the table itself, tasks told."""

    def fit_predict(train: Index, test: Index, seed: int) -> Array:
        fitted = fit_estimator([table.rows(train)], replace(settings, seed=seed))
        return fitted.ease(pick(table.texts, test), pick(table.tasks, test))

    predicted = cross_predict(table.texts, fit_predict, repeats=repeats)
    return figures(predicted, Observed.of(table.score, table.tasks))


def shipped_recipe(tables: Tables, settings: FitSettings, repeats: int) -> dict[str, Interval]:
    """The shipped head's recipe on held-out questions of the five tasks; tasks not told."""
    table = tables.five

    def fit_predict(train: Index, test: Index, seed: int) -> Array:
        held = set(pick(table.texts, test))
        rest = [without(t, held) for t in tables.shipped]
        return fit_estimator(rest, replace(settings, seed=seed)).ease(pick(table.texts, test))

    predicted = cross_predict(table.texts, fit_predict, repeats=repeats)
    return figures(predicted, Observed.of(table.score, table.tasks))


def other_llms(tables: Tables, seeds: int) -> dict[str, dict[str, Interval]]:
    """A head of RouteLLM's two LLMs, none of whose questions is judged, on LLMRouter's nine."""
    table, asked = tables.five, set(tables.five.texts)
    rest = [without(t, asked) for t in (tables.mmlu, tables.gsm8k)]
    said = [
        fit_estimator(rest, replace(SHIPPED, seed=seed)).ease(table.texts) for seed in range(seeds)
    ]
    observed = Observed.of(table.score, table.tasks)
    alone = cross_predict(table.texts, lambda _, test, seed: said[seed][test], repeats=seeds)
    around = cross_predict(
        table.texts,
        lambda train, test, seed: around_means(said[seed], table.tasks, table.ease, train, test),
        repeats=seeds,
    )
    return {
        "head of 2 other LLMs": figures(alone, observed),
        "the same, around the task's mean": figures(around, observed),
        "fitted, 2 other LLMs beside": figures(_beside(tables, seeds), observed),
    }


def _beside(tables: Tables, repeats: int) -> Predicted:
    """`AveragedEase` on the table and, at twice the noise, other LLMs' outcomes on other GSM8K."""
    table, other = tables.five, without(tables.gsm8k, set(tables.five.texts))
    embed = tables.encode(table.texts).double().numpy()
    beside = tables.encode(other.texts).double().numpy()

    def fit_predict(train: Index, test: Index, seed: int) -> Array:
        inside = np.flatnonzero(np.asarray(table.tasks)[train] == "gsm8k")
        level = table.ease[train][inside].mean()
        fitted = AveragedEase(seed=seed).fit(
            [*pick(table.texts, train), *other.texts],
            np.concatenate([embed[train], beside]),
            [*pick(table.tasks, train), *other.tasks],
            np.concatenate([table.ease[train], other.ease - other.ease.mean() + level]),
            np.concatenate([np.ones(len(train)), np.full(len(other.ids), 2.0)]),
        )
        return fitted.predict(pick(table.texts, test), embed[test], pick(table.tasks, test))

    return cross_predict(table.texts, fit_predict, repeats=repeats)


def few_questions(tables: Tables, n: int, draws: int) -> dict[str, dict[str, Interval]]:
    """Ease for four LLMs from n questions of their own, and a head of the five other LLMs.

    The head learns from half of the five tasks' questions; LLMs, halves and the n questions, of
    the other half, are drawn anew each time, and judged are that half's remaining questions.
    """
    table, embed = tables.five, tables.encode(tables.five.texts).double().numpy()
    ways = ("shrunk task means", "fitted", "head of 5 other LLMs", "mean of head and fitted")
    found: dict[str, list[EaseFigures]] = {way: [] for way in ways}
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        llms, rows = rng.permutation(len(table.llms)), rng.permutation(len(table.ids))
        half = len(rows) // 2
        learn, own, asked = rows[:half], rows[half : half + n], rows[half + n :]
        ease, other = table.score[:, llms[:4]].mean(1), table.score[:, llms[4:]].mean(1)

        def fitted(by: Array, at: Index, on: Index) -> Array:
            kernel = KernelEase().fit(
                pick(table.texts, at), embed[at], pick(table.tasks, at), by[at]
            )
            return kernel.predict(pick(table.texts, on), embed[on], pick(table.tasks, on))

        head = np.zeros(len(rows))
        head[rows[half:]] = fitted(other, learn, rows[half:])
        around = around_means(head, table.tasks, ease, own, asked)
        tasks = np.asarray(table.tasks)
        mean = TaskMeans.fit(list(tasks[own]), ease[own])(list(tasks[asked]))
        alone = fitted(ease, own, asked)
        observed = Observed.of(table.score[:, llms[:4]], table.tasks).rows(asked)
        for way, said in zip(ways, (mean, alone, around, (alone + around) / 2), strict=True):
            found[way].append(EaseFigures.of(said, observed))
    return {f"{n} questions: {way}": _spread(values) for way, values in found.items()}


def _spread(found: Sequence[EaseFigures]) -> dict[str, Interval]:
    """Mean over draws, and its 95 % interval."""
    values = np.array([[getattr(f, name) for name in FIGURES] for f in found])
    centre, half = np.nanmean(values, 0), 1.96 * np.nanstd(values, 0) / len(values) ** 0.5
    return {
        name: Interval(float(c), float(c - h), float(c + h))
        for name, c, h in zip(FIGURES, centre, half, strict=True)
    }


def ship(tables: Tables) -> None:
    """Train the packaged heads."""
    folder = ROOT / "abgnn" / "heads"
    for name, surface in (("offline", True), ("offline-policy", False)):
        save_head(
            fit_estimator(tables.shipped, replace(SHIPPED, surface=surface)),
            folder / f"{name}.safetensors",
        )


def main() -> None:
    torch.set_num_threads(1)
    quiet()
    console, tables = Console(width=150), Tables(Path(sys.argv[1]))
    if "ship" in sys.argv[2:]:
        ship(tables)
        return
    start = time.perf_counter()
    found = judge(tables.five, None, tables.encode)
    found["estimator, frozen encoder"] = trained(tables.five, FROZEN, 5)
    found["  without surface counts"] = trained(tables.five, replace(FROZEN, surface=False), 5)
    found["  not rebalanced"] = trained(tables.five, replace(FROZEN, rebalance=False), 5)
    found |= other_llms(tables, 5)
    console.print(figures_table(found, "LLMRouter, five tasks of the paper, 5 × 5 folds"))
    recipe = {"shipped recipe, task not told": shipped_recipe(tables, SHIPPED, 5)}
    recipe["policy's head (no counts)"] = shipped_recipe(tables, replace(SHIPPED, surface=False), 5)
    console.print(figures_table(recipe, "What ships, on held-out questions of the five tasks"))
    console.print(
        figures_table(judge(tables.mmlu, None, tables.encode, repeats=1), "RouteLLM MMLU")
    )
    few: dict[str, dict[str, Interval]] = {}
    for n in (10, 20, 40, 80):
        few |= few_questions(tables, n, 20)
    console.print(figures_table(few, "Four LLMs from few questions, 20 draws [95 % of the mean]"))
    console.print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
