"""The two stages on an incomplete table: LLM and question effects are estimated together.

One Gaussian process over the answers. Answer i is LLM m_i's to question q_i:

    cov(y_i, y_j) = D(q_i, q_j) + ν 1[q_i = q_j] + 1[m_i = m_j] (A(q_i, q_j) + s²) + σ² 1[i = j]

with D and A the kernels of difficulty and ability, ν what is peculiar to a question, s² the
variance of an LLM's mean, σ² luck. On a complete table this gives nearly what the two stages give
one after the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from abgnn.data.arrays import Array, Index
from abgnn.planning.question_kernel import Kernel, inverse_of
from abgnn.planning.two_stage_fit import (
    ABILITY_COUNT,
    ABILITY_KIND,
    ABILITY_TEXT,
    LUCK,
    QUESTION,
    Grams,
    ability_kernel,
    best_difficulty,
    difference_error,
)

ABILITY_VARIANCE = 0.25 / ABILITY_COUNT


@dataclass(frozen=True)
class Joint:
    """The process after its answers.

    Args:
        level: posterior mean of each LLM's level, `[M]`.
        difficulty, ability: kernels.
        difficulty_dual: `[n, 1]`.
        ability_dual: `[n, M]`, 0 where an LLM has not answered.
        left_out: accuracy of every LLM on every question, its own answers left out, `[n, M]`.
    """

    level: Array
    difficulty: Kernel
    ability: Kernel
    difficulty_dual: Array
    ability_dual: Array
    left_out: Array


def joint_fit(grams: Grams, score: Array, prior: Array) -> Joint:
    """
    Args:
        grams: of n questions.
        score: `[n, M]`; nan where an LLM has not answered.
        prior: each LLM's mean before any answer, `[M]`.
    """
    rest = _mean_rest(score, prior)
    answered = ~np.isnan(score)
    difficulty = best_difficulty(grams, rest, np.maximum(answered.sum(1), 1e-6)).kernel
    pairs = product(ABILITY_KIND, ABILITY_TEXT)
    fits = (
        conditioned_jointly(grams, score, prior, difficulty, ability_kernel(*pair))
        for pair in pairs
    )
    return min(fits, key=lambda fit: difference_error(score, fit.left_out))


def _mean_rest(score: Array, prior: Array, sweeps: int = 30) -> Array:
    """Mean over answers of score − ability per question, `[n, 1]`; 0 where nobody answered."""
    answered = ~np.isnan(score)
    y = np.where(answered, score, 0.0)
    count = answered.sum(1, keepdims=True)
    effect = np.zeros((len(score), 1))
    rest = effect
    for _ in range(sweeps):
        total = y.sum(0) - answered.T.astype(float) @ effect[:, 0] + ABILITY_COUNT * prior
        ability = total / (answered.sum(0) + ABILITY_COUNT)
        rest = np.where(answered, y - ability, 0.0).sum(1, keepdims=True)
        effect = rest / (count + LUCK / (QUESTION + 0.03))
    mean: Array = rest / np.maximum(count, 1)
    return mean


def conditioned_jointly(
    grams: Grams, score: Array, prior: Array, difficulty: Kernel, ability: Kernel
) -> Joint:
    """The process under two kernels."""
    question, llm = np.nonzero(~np.isnan(score))  # [N] each
    shared, own = grams(difficulty), grams(ability) + ABILITY_VARIANCE  # [n, n]
    at = np.ix_(question, question)
    same_llm = llm[:, None] == llm
    covariance = shared[at] + QUESTION * (question[:, None] == question) + same_llm * own[at]
    covariance[np.diag_indices(len(llm))] += LUCK
    inverse = inverse_of(covariance)
    dual = inverse @ (score[question, llm] - prior[llm])  # [N]
    by_llm = np.zeros_like(score)
    by_llm[question, llm] = dual
    without = _left_out_duals(inverse, dual, question, len(score))  # [N, n]
    left_out = np.empty_like(score)
    base = np.einsum("iq,iq->q", shared[question], without)
    for m in range(len(prior)):
        rows = llm == m
        left_out[:, m] = prior[m] + base
        left_out[:, m] += np.einsum("iq,iq->q", own[question[rows]], without[rows])
    level = prior + ABILITY_VARIANCE * by_llm.sum(0)
    return Joint(level, difficulty, ability, by_llm.sum(1, keepdims=True), by_llm, left_out)


def _left_out_duals(inverse: Array, dual: Array, question: Index, n: int) -> Array:
    """Dual weights of all answers when one question's are left out, per question, `[N, n]`.

    With b the answers left out, α' = α − K⁻¹[:, b] (K⁻¹[b, b])⁻¹ α_b, which is 0 on b.
    """
    change = np.zeros((len(dual), n))
    for q in np.unique(question):
        b = np.flatnonzero(question == q)
        change[b, q] = np.linalg.solve(inverse[np.ix_(b, b)], dual[b])
    without: Array = dual[:, None] - inverse @ change
    return without
