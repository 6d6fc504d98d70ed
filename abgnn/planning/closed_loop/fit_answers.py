"""How right and wrong answers go together, fitted to a calibration with left-out predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import logsumexp

from abgnn.data.arrays import Array
from abgnn.planning.closed_loop.answer_model import ATTRACTION, AnswerModel
from abgnn.planning.closed_loop.answer_table import NO_KEY, AnswerTable
from abgnn.planning.closed_loop.pair_likelihood import (
    ATTRACTIONS,
    DEADS,
    FAMILIES,
    MISLED,
    SHARED,
    SPREADS,
    pair_likelihoods,
)

SPREAD_MEAN, SPREAD_SD, SPREAD_TASK_SD = 0.9, 0.6, 0.35
ATTRACTION_SD, ATTRACTION_TASK_SD = 0.25, 0.15
FAMILY_SD, MISLED_MEAN, DEAD_MEAN = 0.6, 0.03, 0.04
SHARED_MEAN, SHARED_SD = 0.45, 0.25
NO_KEY_COUNT = 20.0


@dataclass(frozen=True)
class AnswerFit:
    """
    Args:
        pooled: the answer model of an unknown task; its K is not used.
        no_key: P(no key | wrong) of each LLM, M.
        spread, attraction: by task.
    """

    pooled: AnswerModel
    no_key: tuple[float, ...]
    spread: Mapping[str, float] = field(default_factory=dict)
    attraction: Mapping[str, float] = field(default_factory=dict)

    def model(self, task: str, options: int) -> AnswerModel:
        """Of a question."""
        return replace(
            self.pooled,
            spread=self.spread.get(task, self.pooled.spread),
            attraction=self.attraction.get(task, self.pooled.attraction),
            options=options,
        )


def fit_answers(
    table: AnswerTable, accuracy: Array, chosen: Mapping[str, Sequence[int]]
) -> AnswerFit:
    r"""Posterior means over grids; tasks lie around what all share.

    Spread: log s ~ N(log .9, .6²), each task's around it with sd .35. Attraction: α ~ N(.55, .25²),
    each task's around it with sd .15. Family luck f ~ |N(0, .6²)|, dead and misled shares
    exponential with means .04 and .03, κ ~ N(.45, .25²); these are one for all tasks.

    Args:
        table: answers.
        accuracy: left-out predictions of all LLMs on its questions, `[n, M]`.
        chosen: candidates of each task.
    """
    by_task = pair_likelihoods(table, accuracy, chosen)
    lucks = next(iter(by_task.values())).shape[1]
    weight, pooled, tasks = _posterior(list(by_task.values()))
    others = _shared_means(weight, FAMILIES[:lucks])
    spread, attraction = (dict(zip(by_task, values.tolist(), strict=True)) for values in tasks.T)
    model = AnswerModel(pooled[0], others[0], pooled[1], 0, *others[1:])
    return AnswerFit(model, tuple(_no_key_rates(table).tolist()), spread, attraction)


def _posterior(by_task: Sequence[Array]) -> tuple[Array, tuple[float, float], Array]:
    """Weights of what is one for all tasks, `[D, F, U, K]`; spread and attraction that tasks
    share; and each task's, `[T, 2]`."""
    like = np.stack(by_task)  # [T, D, F, U, K, S, A]
    top = like.max((1, 2, 3, 4, 5, 6), keepdims=True)
    like = np.exp(like - top)
    log_s = np.log(SPREADS)
    near_s, near_a = _around(log_s, SPREAD_TASK_SD), _around(ATTRACTIONS, ATTRACTION_TASK_SD)
    evidence = np.einsum("xs,tdfuksa,ya->tdfukxy", near_s, like, near_a, optimize=True)
    prior = -0.5 * np.square((log_s - np.log(SPREAD_MEAN)) / SPREAD_SD)[:, None]
    prior = prior - 0.5 * np.square((ATTRACTIONS - ATTRACTION) / ATTRACTION_SD)
    joint = np.log(np.maximum(evidence, 1e-300)).sum(0) + prior + _shared_prior(like.shape[2])
    weight = np.exp(joint - logsumexp(joint))  # [D, F, U, K, X, Y]
    pooled = (
        float(np.exp(weight.sum((0, 1, 2, 3, 5)) @ log_s)),
        float(weight.sum((0, 1, 2, 3, 4)) @ ATTRACTIONS),
    )
    share = weight / np.maximum(evidence, 1e-300)  # [T, D, F, U, K, X, Y]
    inside = np.einsum("tdfukxy,xs,ya,tdfuksa->tsa", share, near_s, near_a, like, optimize=True)
    spread = np.exp(inside.sum(2) @ log_s)
    return weight.sum((4, 5)), pooled, np.stack([spread, inside.sum(1) @ ATTRACTIONS], 1)


def _shared_prior(lucks: int) -> Array:
    dead = -np.array(DEADS) / DEAD_MEAN
    family = -0.5 * np.square(np.array(FAMILIES[:lucks]) / FAMILY_SD)
    misled = -np.array(MISLED) / MISLED_MEAN
    shared = -0.5 * np.square((np.array(SHARED) - SHARED_MEAN) / SHARED_SD)
    out: Array = dead[:, None, None] + family[:, None] + misled
    return (out[..., None] + shared)[..., None, None]


def _shared_means(weight: Array, lucks: Sequence[float]) -> tuple[float, float, float, float]:
    """Of dead share, family luck, misled share and κ, from weights `[D, F, U, K]`."""
    dead = float(weight.sum((1, 2, 3)) @ np.array(DEADS))
    family = float(weight.sum((0, 2, 3)) @ np.array(lucks))
    misled = float(weight.sum((0, 1, 3)) @ np.array(MISLED))
    return dead, family, misled, float(weight.sum((0, 1, 2)) @ np.array(SHARED))


def _around(grid: Array, sd: float) -> Array:
    """P(a task's value | the shared one), `[shared, S]`."""
    near = np.exp(-0.5 * np.square((grid - grid[:, None]) / sd))
    out: Array = near / near.sum(1, keepdims=True)
    return out


def _no_key_rates(table: AnswerTable) -> Array:
    """P(no key | wrong) of each LLM, shrunk towards that of all, `[M]`."""
    wrong = table.answered & (np.nan_to_num(table.right) < 0.5)
    none = wrong & (table.keys == NO_KEY)
    overall = (none.sum() + 0.1) / (wrong.sum() + 2.0)
    rates: Array = (none.sum(0) + NO_KEY_COUNT * overall) / (wrong.sum(0) + NO_KEY_COUNT)
    return rates
