"""`LoopPrior`: how likely each LLM is right, and the same for training questions left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from abgnn.data.arrays import Array, Index
from abgnn.planning.closed_loop.answer_table import AnswerTable
from abgnn.planning.questions import Questions
from abgnn.planning.two_stage import TwoStageBeliefs, TwoStagePredictions
from abgnn.planning.two_stage_means import squashed

FOLDS = 10


@dataclass(frozen=True, eq=False)
class LoopPrior:
    """
    Args:
        predict: accuracy, USD and seconds of every LLM on Q questions, `[Q, M]` each.
        left_out: accuracies on the training questions, `[n, M]`.
    """

    predict: Callable[[Questions], tuple[Array, Array, Array]]
    left_out: Array


@dataclass(frozen=True)
class MeanPredictions:
    """The mean of several kinds of predictions.

    Args:
        parts: the kinds.
    """

    parts: tuple[TwoStagePredictions, ...]

    def __call__(self, questions: Questions) -> tuple[Array, Array, Array]:
        """Accuracy, USD and seconds of every LLM, `[Q, M]` each."""
        made = [part(questions) for part in self.parts]
        return np.mean([m[0] for m in made], 0), made[0][1], made[0][2]


def fit_prior(
    questions: Questions, table: AnswerTable, published: Array | None = None
) -> LoopPrior:
    """Two Gaussian processes, the mean of kernels by leave-one-out error and by evidence.

    Where texts are repeated, those of a text are left out together.

    Args:
        questions: n of the training.
        table: answers to them.
        published: accuracies before any answer, `[M]`.
    """
    fitted = _fitted(questions, table, published)
    left_out = np.mean([squashed(part.fitted.left_out) for part in fitted], 0)
    if len(set(questions.texts)) < len(questions):
        left_out = _left_out_by_text(questions, table, published)
    return LoopPrior(_mean(fitted), left_out)


def _fitted(
    questions: Questions, table: AnswerTable, published: Array | None
) -> list[TwoStageBeliefs]:
    kinds = (False, True) if table.answered.all() else (False,)
    parts = (questions, table.outcomes, ("lead",), table.llms, published)
    return [TwoStageBeliefs.fit(*parts, by_evidence=kind) for kind in kinds]


def _mean(fitted: list[TwoStageBeliefs]) -> MeanPredictions:
    return MeanPredictions(tuple(part.predictions for part in fitted))


def _left_out_by_text(questions: Questions, table: AnswerTable, published: Array | None) -> Array:
    fold = text_folds(questions.texts)
    out = np.empty(table.right.shape)
    for k in np.unique(fold):
        rest = np.flatnonzero(fold != k)
        if not len(rest) or not table.rows(rest).answered.any():
            rest = np.arange(len(fold))
        fitted = _fitted(questions.rows(rest), table.rows(rest), published)
        out[fold == k] = _mean(fitted)(questions.rows(fold == k))[0]
    return out


def text_folds(texts: tuple[str, ...], folds: int = FOLDS) -> Index:
    """A fold of each question, the same for all of one text, `[n]`."""
    place = {text: i for i, text in enumerate(dict.fromkeys(texts))}
    order = np.random.default_rng(0).permutation(len(place)) % min(folds, len(place))
    out: Index = order[[place[text] for text in texts]]
    return out
