"""`Ways`: several ways to answer, what a replay makes of each, and the best within budgets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from abgnn.data.arrays import Array
from abgnn.planning.budgets import Budget
from abgnn.planning.closed_loop.ahead import aim_of

Way = TypeVar("Way")


@dataclass(frozen=True, eq=False)
class Ways(Generic[Way]):
    """
    Args:
        ways: W of them.
        means: score, USD and seconds of each over the calibration's questions, `[W, 3]`.
    """

    ways: Sequence[Way]
    means: Array

    def best(self, budget: Budget, otherwise: Ways[Way] | None = None) -> Way:
        """The highest mean score among those that spend at most .97 of the budgets (or their
        margin), the cheapest of equals.

        Args:
            budget: of means.
            otherwise: chosen from where none of these does; None: the one that exceeds the
                budgets least.
        """
        used = self._used(budget)
        able = used <= 1 + 1e-9
        if not able.any():
            return self.ways[int(used.argmin())] if otherwise is None else otherwise.best(budget)
        right, usd, _ = self.means.T
        return self.ways[int(np.lexsort((usd, -np.where(able, right, -np.inf)))[0])]

    def _used(self, budget: Budget) -> Array:
        """The larger share of what is aimed at, `[W]`."""
        limits = budget.cost_usd or np.inf, budget.latency_s or np.inf
        used: Array = (self.means[:, 1:] / (aim_of(budget) * np.array(limits))).max(1, initial=0.0)
        return used
