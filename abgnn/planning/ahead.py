"""What plans by question will use and reach over the next questions; prices that keep budgets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.special import expit, logit

from abgnn.data.arrays import Array
from abgnn.planning.budgets import Budget
from abgnn.planning.by_question import QuestionPlanner
from abgnn.planning.design import Design
from abgnn.planning.predictive import Prediction, Range
from abgnn.planning.usage_model import UsageModel

__all__ = ["Prediction", "foresee", "predict_by_question"]

_DRAWS, _LEVEL = 400, 0.9
_STRICT_QUERIES, _STRICT_STEPS = 100, 8
_RAISES, _RAISE, _LEAST_PRICE = 60, 1.15, 0.002


def foresee(
    planner: QuestionPlanner, budget: Budget, queries: int = 100
) -> tuple[tuple[float, float], Prediction, bool]:
    """Prices for budgets, what they will give, and whether the budgets are expected to be met.

    With `strict` the aim is lowered until the means over the next 100 questions keep the budgets
    with 95 % probability.
    """
    aimed = replace(budget, margin=budget.aim, strict=False)
    prices = _kept(planner, planner.prices(aimed), budget)
    for _ in range(_STRICT_STEPS if budget.strict and budget.margin is None else 0):
        ahead = predict_by_question(planner, prices, _STRICT_QUERIES)
        over = [ahead.usd.high / budget.cost_usd] if budget.cost_usd is not None else []
        over += [ahead.seconds.high / budget.latency_s] if budget.latency_s is not None else []
        if max(over, default=0.0) <= 1:
            break
        aimed = replace(aimed, margin=aimed.aim / max(over))
        prices = _kept(planner, planner.prices(aimed), budget)
    return prices, predict_by_question(planner, prices, queries), _met(planner, prices, budget)


def _over(planner: QuestionPlanner, prices: tuple[float, float], budget: Budget) -> list[float]:
    """Use over limit of dollars and of seconds on the training questions; 0 where none is set."""
    known, chosen = planner.trained, planner.trained.best(*prices)
    rows = np.arange(len(chosen))
    return [
        0.0 if limit is None else float(used[rows, chosen].mean()) / limit
        for used, limit in ((known.usd, budget.cost_usd), (known.seconds, budget.latency_s))
    ]


def _met(planner: QuestionPlanner, prices: tuple[float, float], budget: Budget) -> bool:
    return max(_over(planner, prices, budget)) <= 1


def _kept(
    planner: QuestionPlanner, prices: tuple[float, float], budget: Budget
) -> tuple[float, float]:
    """Prices raised until the choices keep the budgets.

    The programme that finds prices may share a question between designs; a choice cannot, and
    where questions look alike, as without any rollout, many are torn at once.
    """
    raised = list(prices)
    for _ in range(_RAISES):
        over = _over(planner, (raised[0], raised[1]), budget)
        if max(over) <= 1:
            return raised[0], raised[1]
        for k, limit in enumerate((budget.cost_usd, budget.latency_s)):
            if over[k] > 1 and limit is not None:
                raised[k] = max(raised[k] * _RAISE, _LEAST_PRICE / limit)
    return prices


def predict_by_question(
    planner: QuestionPlanner, prices: tuple[float, float], queries: int = 100, seed: int = 0
) -> Prediction:
    """Middle 90 % of the means over the next `queries` questions, in the model.

    The questions are drawn from the training's. A design is as uncertain as the agent that
    answers; bills of all LLMs are taken to err together, so their intervals are rather wide.
    """
    known, rng = planner.trained, np.random.default_rng(seed)
    chosen = known.best(*prices)
    n = len(chosen)
    rows = np.arange(n)
    designs = [planner.designs[d] for d in chosen]
    last = [_last(planner, design) for design in designs]
    away = _deviations(planner, last)  # [R, Q]
    p = np.clip(known.accuracy[rows, chosen], 1e-6, 1 - 1e-6)
    at = rng.integers(n, size=(_DRAWS, queries))
    common = rng.standard_normal((2, _DRAWS, 1))
    of = np.arange(_DRAWS)[:, None] % len(away)
    chance = expit(logit(p)[at] + away[of, at])
    right = (rng.random(at.shape) < chance).mean(1)
    means = [right]
    for k, (used, model) in enumerate(
        ((known.usd, planner.bills.usd), (known.seconds, planner.bills.seconds))
    ):
        level, noise = _errors(model, last)
        luck = noise[at] * rng.standard_normal(at.shape) - noise[at] ** 2 / 2
        level = level[at] * common[k] - level[at] ** 2 / 2
        means.append((used[rows, chosen][at] * np.exp(level + luck)).mean(1))
    accuracy, usd, seconds = (_range(values) for values in means)
    return Prediction(queries, accuracy, usd, seconds)


def _deviations(planner: QuestionPlanner, last: Sequence[tuple[int, int]]) -> Array:
    """Of each question's answering agent's logit from its mean, by draw of parameters, `[R, Q]`."""
    lone = planner.team.lone
    regressors = lone.regressors(planner.seen)
    columns = [lone.logits(regressors[:, [q]], *of)[:, 0] for q, of in enumerate(last)]
    logits = np.stack(columns, 1)
    out: Array = logits - logits.mean(0)
    return out


def _last(planner: QuestionPlanner, design: Design) -> tuple[int, int]:
    """(slot, backbone) of the agent that answers."""
    if design.decision is not None:
        return len(planner.roles) - 1, design.decision
    return design.agents[-1]


def _errors(model: UsageModel, last: list[tuple[int, int]]) -> tuple[Array, Array]:
    """Standard deviations of the logarithm: of what is not known, and of single calls, `[Q]`."""
    variance = np.maximum(np.diagonal(model.covariance), 0)
    level = np.array([variance[m] + variance[model.backbones + slot] for slot, m in last])
    return np.sqrt(level), np.sqrt(np.array([model.variance[m] for _, m in last]))


def _range(values: Array) -> Range:
    low, middle, high = np.quantile(values, (0.5 - _LEVEL / 2, 0.5, 0.5 + _LEVEL / 2))
    return Range(float(low), float(middle), float(high))
