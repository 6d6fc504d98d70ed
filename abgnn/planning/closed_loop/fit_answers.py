"""How right and wrong answers go together, fitted to a calibration with left-out predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
from scipy.special import logsumexp

from abgnn.data.arrays import Array, Index, Mask
from abgnn.planning.closed_loop.answer_model import ATTRACTION, N_NODES, AnswerModel
from abgnn.planning.closed_loop.answer_table import NO_KEY, AnswerTable

SPREADS = np.geomspace(0.25, 3.5, 14)
FAMILIES = (0.0, 0.3, 0.6, 0.9, 1.3)
DEADS = (0.0, 0.03, 0.08, 0.15)
ATTRACTIONS = np.linspace(0.0, 0.95, 20)
SPREAD_MEAN, SPREAD_SD, SPREAD_TASK_SD = 0.9, 0.6, 0.35
ATTRACTION_SD, ATTRACTION_TASK_SD = 0.25, 0.15
FAMILY_SD = 0.6
NO_KEY_COUNT = 20.0


@dataclass(frozen=True)
class AnswerFit:
    """
    Args:
        spread, attraction: by task.
        pooled: spread, dead share, attraction and family luck of an unknown task; K is not used.
        no_key: P(no key | wrong) of each LLM, `[M]`.
    """

    pooled: AnswerModel
    no_key: tuple[float, ...]
    spread: Mapping[str, float] = field(default_factory=dict)
    attraction: Mapping[str, float] = field(default_factory=dict)

    def model(self, task: str, options: int) -> AnswerModel:
        """Of a question."""
        return AnswerModel(
            self.spread.get(task, self.pooled.spread),
            self.pooled.dead,
            self.attraction.get(task, self.pooled.attraction),
            options,
            self.pooled.family,
        )


def fit_answers(table: AnswerTable, accuracy: Array) -> AnswerFit:
    r"""Posterior means over grids, tasks around what all share.

    Spread: log s ~ N(log .9, .6²), each task's around it with sd .35; dead share and family luck:
    weighed by their likelihood, f with density N(0, .6²). Attraction: α ~ N(.55, .25²), each
    task's around it with sd .15.

    Args:
        table: answers.
        accuracy: left-out predictions of all LLMs on its questions, `[n, M]`.
    """
    tasks = tuple(dict.fromkeys(table.tasks))
    which = np.array([tasks.index(task) for task in table.tasks])
    by_task = _sums(_spread_likelihood(table, accuracy), which)  # [T, D, F, S]
    dead, family, pooled, spread = _hierarchy_of_spread(by_task)
    pull = _sums(_attraction_likelihood(table), which)  # [T, A]
    level = _normal(ATTRACTIONS, ATTRACTION, ATTRACTION_SD)
    shared, attraction = _hierarchy(pull, ATTRACTIONS, level, ATTRACTION_TASK_SD)
    return AnswerFit(
        AnswerModel(float(np.exp(pooled)), dead, shared, 0, family),
        tuple(_no_key_rates(table).tolist()),
        {task: float(np.exp(s)) for task, s in zip(tasks, spread, strict=True)},
        dict(zip(tasks, attraction.tolist(), strict=True)),
    )


def _spread_likelihood(table: AnswerTable, accuracy: Array) -> Array:
    """log P(right and wrong answers of each question), `[n, D, F, S]`."""
    families = _shared(table.family_of)
    lucks: Sequence[float] = FAMILIES if families else (0.0,)
    out = np.empty((len(table), len(DEADS), len(lucks), len(SPREADS)))
    for d, f, s in product(range(len(DEADS)), range(len(lucks)), range(len(SPREADS))):
        model = AnswerModel(float(SPREADS[s]), DEADS[d], family=lucks[f])
        out[:, d, f, s] = _log_likelihood(model, table, accuracy, families)
    return out


def _shared(family_of: Sequence[str]) -> list[list[int]]:
    """LLMs of each family that has several."""
    groups = [
        [m for m, g in enumerate(family_of) if g == name] for name in dict.fromkeys(family_of)
    ]
    return [group for group in groups if len(group) > 1]


def _log_likelihood(
    model: AnswerModel, table: AnswerTable, accuracy: Array, families: Sequence[Sequence[int]]
) -> Array:
    """log Σ_k w_k Π_g E_z Π_m P(y_m | k, z), `[n]`; families that are alone have no z to share."""
    n, m = accuracy.shape
    y = np.where(table.answered, table.right, 0.0)
    total = np.zeros((n, 8))
    of_family = {i for group in families for i in group} if model.family else set()
    single = [i for i in range(m) if i not in of_family]
    nodes = model.nodes(accuracy[:, single].ravel()).reshape(n, len(single), N_NODES)  # [n, m, 8]
    total += _bernoulli(y[:, single], table.answered[:, single], nodes).sum(1)
    for group in families if model.family else ():
        lucky, weights = model.luck_nodes(accuracy[:, group])  # [n, m, 8, L], [L]
        log = _bernoulli(y[:, group], table.answered[:, group], lucky).sum(1)  # [n, 8, L]
        total += logsumexp(log + np.log(weights), axis=2)
    with np.errstate(divide="ignore"):
        out: Array = logsumexp(total + np.log(model.weights), axis=1)
    return out


def _bernoulli(y: Array, answered: Mask, p: Array) -> Array:
    """y log p + (1 − y) log(1 − p), 0 where nobody answered; `[n, m, …]`."""
    shape = (*y.shape, *[1] * (p.ndim - 2))
    p = np.clip(p, 1e-9, 1 - 1e-9)
    y = y.reshape(shape)
    log: Array = (y * np.log(p) + (1 - y) * np.log1p(-p)) * answered.reshape(shape)
    return log


def _attraction_likelihood(table: AnswerTable) -> Array:
    """log P(which wrong answers are equal), `[n, A]`."""
    out = np.zeros((len(table), len(ATTRACTIONS)))
    wrong = table.answered & (np.nan_to_num(table.right) < 0.5) & (table.keys != NO_KEY)
    for q in range(len(table)):
        counts = np.unique(table.keys[q][wrong[q]], return_counts=True)[1]
        if counts.sum() > 1:
            sizes = tuple(counts.tolist())
            out[q] = [
                np.log(
                    AnswerModel(attraction=float(a), options=int(table.options[q])).pattern(sizes)
                )
                for a in ATTRACTIONS
            ]
    return out


def _sums(values: Array, task: Index) -> Array:
    """By task, `[T, …]`."""
    return np.stack([values[task == t].sum(0) for t in range(int(task.max()) + 1)])


def _normal(x: Array | float, mean: float, sd: float) -> Array:
    """Log density, without its constant."""
    return np.asarray(-0.5 * np.square((np.asarray(x) - mean) / sd))


def _hierarchy(by_task: Array, grid: Array, prior: Array, sd: float) -> tuple[float, Array]:
    """Posterior means of what all tasks share and of each task's, on a grid.

    Args:
        by_task: log-likelihoods, `[T, S]`.
        grid: values, `[S]`.
        prior: log density of the shared value, `[S]`.
        sd: of a task's value around the shared one.
    """
    around = -0.5 * np.square((grid[None] - grid[:, None]) / sd)  # [shared, S]
    around = around - logsumexp(around, axis=1, keepdims=True)
    joint = around[None] + by_task[:, None]  # [T, shared, S]
    evidence = logsumexp(joint, axis=2)  # [T, shared]
    shared = prior + evidence.sum(0)
    weight = np.exp(shared - logsumexp(shared))  # [shared]
    inside = np.exp(joint - evidence[:, :, None])  # [T, shared, S]
    means = np.einsum("h,ths,s->t", weight, inside, grid)
    return float(weight @ grid), means


def _hierarchy_of_spread(by_task: Array) -> tuple[float, float, float, Array]:
    """Dead share, family luck, log s of all and of each task; from `[T, D, F, S]`."""
    log_s = np.log(SPREADS)
    prior = _normal(log_s, np.log(SPREAD_MEAN), SPREAD_SD)
    _, deads, lucks, _ = by_task.shape
    evidence = np.empty((deads, lucks))
    fits = {}
    for d, f in product(range(deads), range(lucks)):
        fits[d, f] = _hierarchy(by_task[:, d, f], log_s, prior, SPREAD_TASK_SD)
        evidence[d, f] = _evidence(by_task[:, d, f], log_s, prior) + _normal(
            FAMILIES[f], 0.0, FAMILY_SD
        )
    weight = np.exp(evidence - logsumexp(evidence))
    shared = sum(weight[at] * fits[at][0] for at in fits)
    tasks = sum(weight[at] * np.asarray(fits[at][1]) for at in fits)
    dead = float(weight.sum(1) @ np.array(DEADS))
    family = float(weight.sum(0) @ np.array(FAMILIES[:lucks]))
    return dead, family, float(shared), np.asarray(tasks)


def _evidence(by_task: Array, grid: Array, prior: Array) -> float:
    around = -0.5 * np.square((grid[None] - grid[:, None]) / SPREAD_TASK_SD)
    around = around - logsumexp(around, axis=1, keepdims=True)
    evidence = logsumexp(around[None] + by_task[:, None], axis=2).sum(0)
    return float(logsumexp(prior + evidence))


def _no_key_rates(table: AnswerTable) -> Array:
    """P(no key | wrong) of each LLM, shrunk towards that of all, `[M]`."""
    wrong = table.answered & (np.nan_to_num(table.right) < 0.5)
    none = wrong & (table.keys == NO_KEY)
    overall = (none.sum() + 0.1) / (wrong.sum() + 2.0)
    rates: Array = (none.sum(0) + NO_KEY_COUNT * overall) / (wrong.sum(0) + NO_KEY_COUNT)
    return rates
