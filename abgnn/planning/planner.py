"""From a calibration to a mixture within budgets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from abgnn.planning.budgets import Budget, Mixture, Stratum, budgeted_mix
from abgnn.planning.calibration import Calibration
from abgnn.planning.design import PlanSpace
from abgnn.planning.outcome_model import OutcomeModel
from abgnn.planning.predictive import predict
from abgnn.planning.search import Searcher

_STRICT_QUERIES, _STRICT_LEVEL, _STRICT_STEPS = 100, 0.9, 3


def plan(
    calibration: Calibration,
    budget: Budget,
    space: PlanSpace | None = None,
    *,
    seed: int = 0,
    nearest: bool = False,
) -> Mixture:
    """The mixture of designs of the highest expected accuracy within a budget.

    Args:
        calibration: observed calls.
        budget: of cost and latency per query.
        space: designs that are allowed; None: any backbones together, lone agents too.
        seed: of the virtual queries.
        nearest: where no plan meets the budgets, give the one that comes nearest.

    Raises:
        ConfigError: no plan is expected to meet the budgets (`abgnn.planning.least`).
    """
    model = calibration.model()
    if space is None:
        strata = _own_strata(calibration, seed)
    else:
        strata = strata_of(calibration, model, space, seed)
    if budget.strict and budget.margin is None:
        mixture = kept_mix(model, strata, budget, calibration.kinds)
    else:
        mixture = budgeted_mix(strata, budget)
    return mixture if nearest else mixture.required()


def _own_strata(calibration: Calibration, seed: int) -> list[Stratum]:
    """A calibration's own searches: plans for other budgets go on with what the first has found."""
    known = calibration.searches
    if seed not in known:
        known.clear()
        known[seed] = strata_of(calibration, calibration.model(), calibration.everything, seed)
    return known[seed]


def strata_of(
    calibration: Calibration, model: OutcomeModel, space: PlanSpace, seed: int = 0
) -> list[Stratum]:
    """A search for every kind of question that plans may tell apart."""
    if calibration.by is None:
        return [Stratum("", 1.0, Searcher(model, space, seed))]
    share = np.bincount(model.group, minlength=len(calibration.kinds)) / len(model.group)
    return [
        Stratum(kind, float(share[g]), Searcher(model, space, seed, g))
        for g, kind in enumerate(calibration.kinds)
    ]


def kept_mix(
    model: OutcomeModel, strata: list[Stratum], budget: Budget, kinds: tuple[str, ...]
) -> Mixture:
    """A mixture whose means over the next 100 queries keep the budgets with 95 % probability.

    The aim is lowered until the upper ends of the predicted means are within the budgets; the less
    is known of what calls use, the lower it gets. A latency quantile is aimed at as without
    `strict`.
    """
    aim = replace(budget, margin=budget.aim)
    mixture = budgeted_mix(strata, aim)
    for _ in range(_STRICT_STEPS):
        ahead = predict(model, mixture, kinds, _STRICT_QUERIES, level=_STRICT_LEVEL)
        over = [0.0 if budget.cost_usd is None else ahead.usd.high / budget.cost_usd]
        if budget.latency_s is not None and budget.quantile is None:
            over.append(ahead.seconds.high / budget.latency_s)
        if not mixture.feasible or max(over) <= 1:
            break
        aim = replace(aim, margin=aim.aim / max(over))
        mixture = budgeted_mix(strata, aim)
    return mixture
