"""Ease predicted for questions that were not fitted on, and its figures with intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from abgnn.data.arrays import Array
from abgnn.errors import ConfigError
from abgnn.evaluation.ease_metrics import EaseFigures, Observed

Index = NDArray[np.intp]
FIGURES = tuple(f.name for f in fields(EaseFigures))


@dataclass(frozen=True)
class Predicted:
    """Ease of every question, from a fit that has not seen it.

    Args:
        ease: `[repeats, Q]`.
        fold: which test fold a question was in, `[repeats, Q]`.
    """

    ease: Array
    fold: NDArray[np.intp]


def fold_numbers(texts: Sequence[str], folds: int, seed: int) -> Index:
    """A random test fold for each question, `[Q]`; equal texts share theirs."""
    distinct = {text: n for n, text in enumerate(dict.fromkeys(texts))}
    if not 2 <= folds <= len(distinct):
        raise ConfigError("folds", folds, f"2 to {len(distinct)}, the number of questions")
    drawn = np.random.default_rng(seed).permutation(len(distinct)) % folds
    return np.array([drawn[distinct[text]] for text in texts])


def cross_predict(
    texts: Sequence[str],
    fit_predict: Callable[[Index, Index, int], Array],
    folds: int = 5,
    repeats: int = 5,
) -> Predicted:
    """Predict every question from the other folds, in several divisions into folds.

    Args:
        texts: the questions, `[Q]`.
        fit_predict: (training indices, test indices, seed) → ease of the test questions.
        folds: parts of a division.
        repeats: divisions; also the seeds of what is trained.
    """
    number = np.stack([fold_numbers(texts, folds, seed) for seed in range(repeats)])
    ease = np.zeros(number.shape)
    for seed in range(repeats):
        for fold in range(folds):
            test = number[seed] == fold
            train, tested = np.flatnonzero(~test), np.flatnonzero(test)
            ease[seed, test] = fit_predict(train, tested, seed)
    return Predicted(ease, number)


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and the middle 95 % of its bootstrap over questions."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def figures(
    predicted: Predicted, observed: Observed, resamples: int = 200, seed: int = 0
) -> dict[str, Interval]:
    """Figures with intervals: AUROCs are means over folds, the others over all questions.

    Fits of different folds are not compared with each other: a question's rank is its rank in its
    own fold.
    """
    n, rng = len(observed.ease), np.random.default_rng(seed)
    value = _mean(predicted, observed, np.arange(n))
    drawn = np.array(
        [_mean(predicted, observed, rng.integers(n, size=n)) for _ in range(resamples)]
    )
    low, high = np.nanquantile(drawn, (0.025, 0.975), axis=0)
    return {
        name: Interval(float(value[i]), float(low[i]), float(high[i]))
        for i, name in enumerate(FIGURES)
    }


def _mean(predicted: Predicted, observed: Observed, rows: Index) -> Array:
    """Means over repeats of the four figures on some questions."""
    means = [_figures(e[rows], f[rows], observed.rows(rows)) for e, f in _pairs(predicted)]
    mean: Array = np.mean(means, axis=0)
    return mean


def _pairs(predicted: Predicted) -> list[tuple[Array, Index]]:
    return list(zip(predicted.ease, predicted.fold, strict=True))


def _figures(ease: Array, fold: Index, observed: Observed) -> Array:
    inside = [np.flatnonzero(fold == f) for f in np.unique(fold)]
    parts = [EaseFigures.of(ease[rows], observed.rows(rows)) for rows in inside]
    whole = EaseFigures.of(ease, observed)
    ranks = np.nanmean([[p.auroc, p.auroc_within] for p in parts], axis=0)
    return np.array([*ranks, whole.brier, whole.ece])
