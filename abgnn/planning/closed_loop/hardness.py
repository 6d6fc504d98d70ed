r"""How much dearer, and slower, calls on hard questions are.

A loop that goes on where answers differ goes on where questions are hard, and pays for it:

.. math:: \log \frac{c_{qm}}{\hat c_{qm}} = c_0 - \gamma_m x_q + \varepsilon, \quad
    \gamma_m = \gamma + \gamma' \log \frac{\bar c_m}{\bar c}

with the ease x of a question, and γ' for LLMs that think, and are dear, at hard questions only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import softmax

from abgnn.data.arrays import Array, Index
from abgnn.planning.closed_loop.answer_table import AnswerTable
from abgnn.planning.closed_loop.fit_answers import AnswerFit
from abgnn.planning.closed_loop.problem import LoopProblem
from abgnn.planning.closed_loop.tree_values import TreeWeights, state_totals

Ease = tuple[Array, Array]
"""Mean and variance of x in states, `[Q, S]` each."""
SLOPE_SD, DEARER_SD = 0.3, 0.1
_ALIKE = 0.5  # of a call's luck, shared with other calls of the same weights
_TINY, _SURE = 1e-300, 1e-6


def fit_hardness(
    table: AnswerTable, accuracy: Array, answers: AnswerFit, believed: tuple[Array, Array]
) -> Array:
    """γ of USD and of seconds of every LLM, `[2, M]`; 0 where nothing was paid.

    Posterior means with the priors γ ~ N(0, .3²) and γ' ~ N(0, .1²). A question's ease is its
    posterior mean by which answers are right: on that a regression has the same slope.

    Args:
        table: answers to n questions.
        accuracy: left-out predictions on them, `[n, M]`.
        answers: how they go together.
        believed: USD and seconds of the calls, `[n, M]` each.
    """
    ease = expected_ease(table, accuracy, answers)
    bills = zip((table.usd, table.seconds), believed, strict=True)
    return np.stack([_slopes(ease, paid, mean) for paid, mean in bills])


def expected_ease(table: AnswerTable, accuracy: Array, answers: AnswerFit) -> Array:
    """E(x | which answers are right) of every question, `[n]`; 0 of one without an answer."""
    out = np.zeros(len(table))
    names = np.array(table.family_of)
    for q, at in enumerate(table.answered):
        if not at.any():
            continue
        model = answers.model(table.tasks[q], int(table.options[q]))
        p, right = np.clip(model.nodes(accuracy[q, at]), _SURE, 1 - _SURE), table.right[q, at, None]
        _, place, count = np.unique(names[at], return_inverse=True, return_counts=True)
        weight = 1 / (1 + (count[place] - 1) * _ALIKE)
        fit = weight @ (right * np.log(p) + (1 - right) * np.log1p(-p))
        out[q] = softmax(np.log(np.maximum(model.weights, _TINY)) + fit) @ model.ease
    return out


def bill_luck(paid: Array, believed: Array) -> float:
    """Variance of log(paid / believed) over calls, `[n, M]` each; 0 where nothing was paid."""
    q, m = _billed(paid, believed)
    return float(np.log(paid[q, m] / believed[q, m]).var()) if len(q) else 0.0


def _billed(paid: Array, believed: Array) -> tuple[Index, Index]:
    """Questions and LLMs of the calls that were paid."""
    q, m = np.nonzero((np.nan_to_num(paid) > 0) & (believed > 0))
    return q, m


def _slopes(ease: Array, paid: Array, believed: Array) -> Array:
    """γ of every LLM, `[M]`."""
    mean = believed.mean(0)
    q, m = _billed(paid, believed)
    level = np.log(np.maximum(mean, _TINY))
    if len(q) < 3:
        return np.zeros(len(level))
    level = level - level[m].mean()
    excess = np.log(paid[q, m] / believed[q, m])
    x = np.stack([np.ones(len(q)), -ease[q], -ease[q] * level[m]], 1)
    theta = np.zeros(3)
    noise = float(excess.var())
    for _ in range(3):
        precision = noise / np.square([10.0, SLOPE_SD, DEARER_SD])
        theta = np.linalg.solve(x.T @ x + np.diag(precision), x.T @ excess)
        noise = max(float(np.square(excess - x @ theta).mean()), 1e-6)
    free = mean <= 0
    return np.where(free, 0.0, theta[1] + theta[2] * level)


def ease_by_state(problems: Sequence[LoopProblem], weights: TreeWeights) -> list[Ease]:
    """Mean and variance of the ease after the answers of every state, `[Q, S]` each, by level."""
    powers = [np.stack([problem.model.ease, problem.model.ease**2]) for problem in problems]
    out = []
    for moments, z in zip(state_totals(problems, powers), weights.total, strict=True):
        mean, square = np.moveaxis(moments, 1, 0) / np.maximum(z, _TINY)
        out.append((mean, np.maximum(square - mean**2, 0.0)))
    return out


def dearer(before: Ease, after: Ease, slopes: Array) -> Array:
    r"""By what bills in states differ from those before any answer, `[Q, S, M]`:
    :math:`\exp(-\gamma (\mu_s - \mu_0) + \gamma^2 (v_s - v_0) / 2)`.

    Args:
        before, after: mean and variance of the ease before any answer, and in the states.
        slopes: γ, `[Q, M]`.
    """
    mean, variance = ((b - a)[:, :, None] for a, b in zip(before, after, strict=True))
    gamma = slopes[:, None]
    out: Array = np.exp(-gamma * mean + gamma**2 * variance / 2)
    return out
