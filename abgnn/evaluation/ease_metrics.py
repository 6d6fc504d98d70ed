"""How good predicted ease is: AUROC pooled and within task, Brier score, calibration; numpy only.

A question is *hard* if more than half of the LLMs fail it (score < 0.5).

torchmetrics and scikit-learn give the same where they apply (a test holds them against each other).
They do not take their place: torchmetrics refuses shares between 0 and 1 as outcomes, has no Brier
score, and calls the AUROC of one class 0; that of scikit-learn takes 20 times as long, hundreds of
times per interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from abgnn.data.arrays import Array


def auroc(score: ArrayLike, label: ArrayLike) -> float:
    """P(a positive scores above a negative), ties count half; nan if one class is missing."""
    positive = np.asarray(label, dtype=bool)
    n, m = int(positive.sum()), int((~positive).sum())
    if not n or not m:
        return float("nan")
    _, place, count = np.unique(np.asarray(score), return_inverse=True, return_counts=True)
    rank = (count.cumsum() - (count - 1) / 2)[place]  # of equals: their mean
    return float((rank[positive].sum() - n * (n + 1) / 2) / (n * m))


def auroc_within(score: ArrayLike, label: ArrayLike, task: ArrayLike) -> float:
    """AUROC over pairs of the same task: tasks weigh by their number of pairs.

    What only knows the tasks' means gets 0.5. nan if no task has both classes.
    """
    scores, labels, tasks = np.asarray(score), np.asarray(label, dtype=bool), np.asarray(task)
    total = pairs = 0.0
    for name in np.unique(tasks):
        inside = tasks == name
        weight = float(labels[inside].sum() * (~labels[inside]).sum())
        if weight:
            total += weight * auroc(scores[inside], labels[inside])
            pairs += weight
    return total / pairs if pairs else float("nan")


def reliability(ease: ArrayLike, share: ArrayLike, bins: int = 10) -> Array:
    """Mean predicted and mean observed ease, and questions per bin of equal width.

    Args:
        ease: predicted, in [0, 1], `[n]`.
        share: observed mean score, `[n]`.
        bins: of predicted ease.

    Returns: `[filled bins, 3]`.
    """
    predicted, observed = np.asarray(ease, dtype=float), np.asarray(share, dtype=float)
    index = np.minimum((predicted * bins).astype(int), bins - 1)
    filled = np.unique(index)
    rows = [(predicted[index == b].mean(), observed[index == b].mean()) for b in filled]
    return np.array([(p, o, (index == b).sum()) for (p, o), b in zip(rows, filled, strict=True)])


def expected_calibration_error(ease: ArrayLike, share: ArrayLike, bins: int = 10) -> float:
    """Mean |predicted − observed ease| over bins, weighted by their questions."""
    table = reliability(ease, share, bins)
    return float(np.average(np.abs(table[:, 0] - table[:, 1]), weights=table[:, 2]))


@dataclass(frozen=True)
class Observed:
    """What the LLMs really made of questions of some tasks.

    Args:
        ease: mean score over LLMs, `[n]`.
        spread: variance of scores among them, `[n]`; part of the Brier score that stays.
        hard: whether more than half of them fail (score < 0.5), `[n]`.
        task: benchmark of each question, `[n]`.
    """

    ease: Array
    spread: Array
    hard: NDArray[np.bool_]
    task: NDArray[np.str_]

    @classmethod
    def of(cls, score: ArrayLike, task: Sequence[str]) -> Observed:
        """From outcomes `[n, M]`."""
        scores = np.asarray(score, dtype=float)
        failed = (scores < 0.5).mean(1)
        return cls(scores.mean(1), scores.var(1), failed > 0.5, np.asarray(task, dtype=np.str_))

    def rows(self, index: NDArray[np.intp]) -> Observed:
        """Some questions, by index; repeated ones count repeatedly."""
        return Observed(self.ease[index], self.spread[index], self.hard[index], self.task[index])


@dataclass(frozen=True, slots=True)
class EaseFigures:
    """What predicted ease is worth.

    Args:
        auroc, auroc_within: of finding the hard questions, over all and over those of one task.
        brier: mean (ease − score)² over every single outcome of an LLM on a question.
        ece: expected calibration error of the ease.
    """

    auroc: float
    auroc_within: float
    brier: float
    ece: float

    @classmethod
    def of(cls, ease: ArrayLike, observed: Observed) -> EaseFigures:
        """Figures of predictions in [0, 1], `[n]`."""
        predicted = np.asarray(ease, dtype=float)
        return cls(
            auroc(-predicted, observed.hard),
            auroc_within(-predicted, observed.hard, observed.task),
            float(np.mean((predicted - observed.ease) ** 2 + observed.spread)),
            expected_calibration_error(predicted, observed.ease),
        )
