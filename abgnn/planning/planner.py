"""From a calibration to a mixture within budgets."""

from __future__ import annotations

import numpy as np

from abgnn.planning.budgets import Budget, Mixture, Stratum, budgeted_mix
from abgnn.planning.calibration import Calibration
from abgnn.planning.designs import PlanSpace
from abgnn.planning.search import Searcher


def plan(
    calibration: Calibration,
    budget: Budget,
    space: PlanSpace | None = None,
    *,
    seed: int = 0,
) -> Mixture:
    """The mixture of designs of the highest expected accuracy within a budget.

    Args:
        calibration: observed calls.
        budget: of cost and latency per query.
        space: designs that are allowed; None: any backbones together, lone agents too.
        seed: of the virtual queries.
    """
    model, allowed = calibration.model(), space or calibration.everything
    if calibration.by is None:
        return budgeted_mix(Searcher(model, allowed, seed), budget)
    share = np.bincount(model.group, minlength=len(calibration.kinds)) / len(model.group)
    strata = [
        Stratum(kind, float(share[g]), Searcher(model, allowed, seed, g))
        for g, kind in enumerate(calibration.kinds)
    ]
    return budgeted_mix(strata, budget)
