"""Figures of a head on a table of outcomes, beside what can be learned from the table itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from rich.table import Table

from abgnn.data.arrays import Array, Index
from abgnn.difficulty.averaged import AveragedEase
from abgnn.difficulty.folds import FIGURES, Interval, cross_predict, figures
from abgnn.difficulty.task_means import TaskMeans
from abgnn.evaluation.ease_metrics import Observed
from abgnn.graph.encoders import TextEncoder
from abgnn.outcomes.table import OutcomeTable

_CAPTION = (
    "hard: more than half of the LLMs fail; within: pairs of questions of one task; Brier: over "
    "single outcomes. [95 % of a bootstrap over questions]. All but 'as it is' learn from other "
    "folds of this table"
)


def judge(
    table: OutcomeTable,
    head: Array | None,
    encode: TextEncoder,
    folds: int = 5,
    repeats: int = 5,
    resamples: int = 200,
) -> dict[str, dict[str, Interval]]:
    """Figures of each way to predict ease: name → figure → interval.

    Args:
        table: outcomes.
        head: ease that a head predicts for each question, `[Q]`; None: no head.
        encode: for `AveragedEase`.
        folds, repeats: see `cross_predict`.
        resamples: of the bootstrap.
    """
    observed = Observed.of(table.score, table.tasks)
    ways: dict[str, Callable[[Index, Index, int], Array]] = {
        "mean of the task": lambda train, test, _: _task_mean(table, train, test)
    }
    if head is not None:
        ways["head as it is"] = lambda train, test, _: head[test]
        ways["head, around the task's mean"] = lambda train, test, _: around_means(
            head, table.tasks, table.ease, train, test
        )
    embed = encode(table.texts).double().numpy()
    ways["fitted to the table"] = lambda train, test, seed: _fitted(table, embed, train, test, seed)
    return {
        name: figures(cross_predict(table.texts, way, folds, repeats), observed, resamples)
        for name, way in ways.items()
    }


def around_means(
    head: Array, tasks: Sequence[str], ease: Array, train: Index, test: Index
) -> Array:
    r"""A head's ease for LLMs that it was not trained on, `[test]`.

    .. math:: \hat s = \bar s_t + \kappa (h - \bar h_t)

    with shrunk task means of ease s and of what the head says h, and κ by least squares without
    an intercept, all from training questions.
    """
    names = np.asarray(tasks)
    mean = TaskMeans.fit(list(names[train]), ease[train])
    head_mean = TaskMeans.fit(list(names[train]), head[train])
    x = head - head_mean(list(names))
    y = ease[train] - mean(list(names[train]))
    kappa = float(x[train] @ y) / max(float(x[train] @ x[train]), 1e-12)
    return np.clip(mean(list(names[test])) + kappa * x[test], 0.0, 1.0)


def figures_table(figures: dict[str, dict[str, Interval]], title: str) -> Table:
    """For the terminal."""
    table = Table(title=title, title_justify="left", caption=_CAPTION, caption_justify="left")
    table.add_column("ease from", no_wrap=True)
    for name in ("AUROC hard", "AUROC within", "Brier", "ECE"):
        table.add_column(name, justify="right")
    for name, row in figures.items():
        table.add_row(name, *(str(row[figure]) for figure in FIGURES))
    return table


def _task_mean(table: OutcomeTable, train: Index, test: Index) -> Array:
    tasks = np.asarray(table.tasks)
    return TaskMeans.fit(list(tasks[train]), table.ease[train])(list(tasks[test]))


def _fitted(table: OutcomeTable, embed: Array, train: Index, test: Index, seed: int) -> Array:
    def some(values: Sequence[str], index: Index) -> list[str]:
        return [values[i] for i in index]

    fitted = AveragedEase(seed=seed).fit(
        some(table.texts, train), embed[train], some(table.tasks, train), table.ease[train]
    )
    return fitted.predict(some(table.texts, test), embed[test], some(table.tasks, test))
