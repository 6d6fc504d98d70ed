"""The two stages' kernels by evidence: the marginal likelihood of what they are fitted to.

Leave-one-out error trusts kinds of few questions too much; evidence also weighs how much of the
variance is luck, which the former leaves fixed.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from abgnn.data.arrays import Array
from abgnn.planning.question_kernel import Kernel
from abgnn.planning.two_stage_fit import LUCK, Grams, Process, conditioned

DIFFICULTY_KIND, DIFFICULTY_TEXT = (0.001, 0.003, 0.01, 0.03), (0.0, 0.01, 0.03)
QUESTIONS = (0.02, 0.05, 0.09, 0.13)
ABILITY_KIND, ABILITY_TEXT = (0.0, 0.0005, 0.001, 0.004, 0.016), (0.0, 0.00375, 0.0075, 0.015)
ABILITY_SLOPE = (0.0, 0.0005, 0.002, 0.008)


def likeliest_difficulty(grams: Grams, mean_rest: Array, answers: Array) -> Process:
    """The difficulty under the likeliest kernel and variance of what is peculiar to a question.

    Args:
        mean_rest: mean over the LLMs that answered of score − ability, `[n, 1]`.
        answers: how many did, `[n]`.
    """
    best = (-np.inf, Kernel(0.0, 0.0), 0.0)
    for kind, text in product(DIFFICULTY_KIND, DIFFICULTY_TEXT):
        kernel = Kernel(kind, text)
        covariance = grams(kernel)
        for own in QUESTIONS:
            evidence = log_evidence(covariance, own + LUCK / answers, mean_rest, 1.0)
            best = max(best, (evidence, kernel, own), key=lambda option: option[0])
    _, kernel, own = best
    return conditioned(kernel, grams(kernel), own + LUCK / answers, mean_rest)


def likeliest_ability(grams: Grams, rest: Array, standard: Array) -> Process:
    """Residuals of all LLMs under the likeliest kernel; luck is as large as they are.

    Args:
        rest: score − ability − mean_rest, `[n, M]`; rows add up to 0.
        standard: predicted difficulty in units of its standard deviation, `[n, 1]`.
    """
    luck, llms = max(float(rest.var()), 1e-4), rest.shape[1]
    best = (-np.inf, Kernel(0.0, 0.0), 0.0)
    for kind, text, slope in product(ABILITY_KIND, ABILITY_TEXT, ABILITY_SLOPE):
        kernel = Kernel(kind, text)
        covariance = grams(kernel) + slope * standard @ standard.T
        noise = np.full(len(rest), luck)
        evidence = log_evidence(covariance, noise, rest, (llms - 1) / llms)
        best = max(best, (evidence, kernel, slope), key=lambda option: option[0])
    _, kernel, slope = best
    return conditioned(kernel, grams(kernel) + slope * standard @ standard.T, luck, rest, slope)


def log_evidence(covariance: Array, noise: Array, values: Array, share: float) -> float:
    """log N(values; 0, covariance + noise), but for a constant.

    Args:
        covariance: `[n, n]`.
        noise: variances, `[n]`.
        values: columns that are independent, `[n, M]`.
        share: of the columns, that count; they are not quite independent where they add up to 0.
    """
    root = cholesky(covariance + np.diag(noise), lower=True)
    white = solve_triangular(root, values, lower=True)
    logs = values.shape[1] * float(np.log(np.diag(root)).sum())
    return float(-share * (0.5 * float(np.square(white).sum()) + logs))
