"""Which of several ways to answer is best within budgets, by what a replay says of each."""

from __future__ import annotations

import numpy as np

from abgnn.data.arrays import Array
from abgnn.planning.budgets import Budget

AIM = 0.97  # as closed loops aim


def best_within(right: Array, usd: Array, seconds: Array, budget: Budget) -> int:
    """The highest mean score among those that spend at most .97 of the budgets; the cheapest of
    equals. Where none does, the one that exceeds them least.

    Args:
        right, usd, seconds: means of each way, `[W]`.
        budget: of means; its margin replaces .97.
    """
    aim = AIM if budget.margin is None else budget.margin
    over = np.zeros(len(right))
    for spent, limit in ((usd, budget.cost_usd), (seconds, budget.latency_s)):
        if limit is not None:
            over = np.maximum(over, spent / (aim * limit))
    able = over <= 1 + 1e-9
    if not able.any():
        return int(over.argmin())
    return int(np.lexsort((usd, -np.where(able, right, -np.inf)))[0])
