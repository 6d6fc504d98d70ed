"""The two stages on a complete table: difficulty shared by all LLMs, then each LLM's residual."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from abgnn.data.arrays import Array
from abgnn.planning.question_kernel import Kernel, ReadQuestions, inverse_of, same_kind

LUCK, QUESTION = 0.15, 0.05
"""Noise variance of one score, and of what is peculiar to a question."""
ABILITY_COUNT = 2.0
"""Answers that an LLM's prior mean weighs as much as."""
DIFFICULTY_TEXT = (0.0, 0.3, 1.0, 3.0)
ABILITY_KIND, ABILITY_TEXT = (0.001, 0.004, 0.016), (0.0, 0.5, 1.0)
ABILITY_SLOPE = (0.0, 0.0005, 0.002, 0.008)


def difficulty_kernel(a: float) -> Kernel:
    """Of the difficulty that all LLMs share."""
    return Kernel(0.03, 0.03 * a)


def ability_kernel(tau: float, b: float) -> Kernel:
    """Of what one LLM has beyond its mean and the difficulty."""
    return Kernel(tau, 0.015 * b, 0.001)


@dataclass(frozen=True)
class Process:
    """A Gaussian process after its observations.

    Args:
        kernel: of it.
        dual: K⁻¹ y, `[n, M]`.
        left_out: predictions of each question from all others, `[n, M]`.
        inverse: K⁻¹, `[n, n]`.
        slope: variance of the term that is linear in the standardised difficulty.
    """

    kernel: Kernel
    dual: Array
    left_out: Array
    inverse: Array
    slope: float = 0.0


@dataclass(frozen=True)
class Grams:
    """1[t=t'] and <φ, φ'> of training questions, `[n, n]` each."""

    same: Array
    gram: Array

    @classmethod
    def of(cls, read: ReadQuestions) -> Grams:
        return cls(same_kind(read, read), read.phi @ read.phi.T)

    def __call__(self, kernel: Kernel) -> Array:
        return kernel.of(self.same, self.gram)


def conditioned(
    kernel: Kernel, covariance: Array, noise: Array | float, values: Array, slope: float = 0.0
) -> Process:
    """The process given noisy values `[n, M]`; noise variances `[n]`, or one for all."""
    matrix = covariance.copy()
    matrix[np.diag_indices(len(matrix))] += noise
    inverse = inverse_of(matrix)
    dual = inverse @ values
    return Process(kernel, dual, values - dual / np.diag(inverse)[:, None], inverse, slope)


def best_difficulty(grams: Grams, mean_rest: Array, answers: Array) -> Process:
    """The difficulty with the share of text that leaves the least leave-one-out error.

    Args:
        mean_rest: mean over the LLMs that answered of score − ability, `[n, 1]`.
        answers: how many did, `[n]`.
    """
    noise = QUESTION + LUCK / answers
    kernels = [difficulty_kernel(a) for a in DIFFICULTY_TEXT]
    fits = [conditioned(kernel, grams(kernel), noise, mean_rest) for kernel in kernels]
    return min(fits, key=lambda fit: float(np.square(mean_rest - fit.left_out).mean()))


def best_ability(grams: Grams, rest: Array, standard: Array) -> Process:
    """Residuals of all LLMs under one kernel, chosen by leave-one-out error of differences.

    First kinds and texts, then how much abilities change with difficulty: easy and hopeless
    questions tell LLMs less apart than those between.

    Args:
        rest: score − ability − mean_rest, `[n, M]`.
        standard: predicted difficulty in units of its standard deviation, `[n, 1]`.
    """
    fits = [
        conditioned(kernel, grams(kernel), LUCK, rest)
        for kernel in (ability_kernel(*pair) for pair in product(ABILITY_KIND, ABILITY_TEXT))
    ]
    kernel = _least(fits, rest).kernel
    fits = [
        conditioned(kernel, grams(kernel) + c * standard @ standard.T, LUCK, rest, c)
        for c in ABILITY_SLOPE
    ]
    return _least(fits, rest)


def _least(fits: Sequence[Process], rest: Array) -> Process:
    return min(fits, key=lambda fit: difference_error(rest, fit.left_out))


def difference_error(score: Array, predicted: Array) -> float:
    """Mean squared error of differences between LLMs, which alone decide a choice.

    Args:
        score: `[Q, M]`; nan where an LLM has not answered. Where no question was answered by two
            LLMs the error is that of the scores themselves.
        predicted: `[Q, M]`.
    """
    answered = ~np.isnan(score)
    error = np.where(answered, score - predicted, 0.0)
    count = answered.sum(1, keepdims=True)
    pairs = np.maximum(count - 1, 0).sum()
    if pairs == 0:
        return float(np.square(error).sum() / max(answered.sum(), 1))
    between = np.where(answered, error - error.sum(1, keepdims=True) / np.maximum(count, 1), 0.0)
    return float(np.square(between).sum() / pairs)
