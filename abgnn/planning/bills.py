r"""What a call costs, takes and says: log-linear models shrunk towards the profile.

.. math:: \log y = k_m + l_j + (g_0 + g_1 t_m) d_q + N(0, v)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abgnn.planning.observations import Observations
from abgnn.planning.profile import Profile

Array = NDArray[np.float64]
_NOISE, _NOISE_CALLS = 0.35, 20.0


@dataclass(frozen=True)
class Bill:
    """A posterior of one kind of bill.

    Args:
        base: k, `[M]`; role: l, `[S]`; slope: (g0, g1).
        variance: v of single calls.
        base_sd: standard deviation of k's posterior, `[M]`.
    """

    base: Array
    role: Array
    slope: Array
    variance: float
    base_sd: Array

    def log_mean(self, backbone: int, slot: int, thinks: bool, difficulty: Array) -> Array:
        """Mean of the logarithm at difficulties `[V]`."""
        slope = self.slope[0] + self.slope[1] * thinks
        mean: Array = self.base[backbone] + self.role[slot] + slope * difficulty
        return mean

    def mean(self, backbone: int, slot: int, thinks: bool, difficulty: Array) -> Array:
        """Expected bill at difficulties `[V]`."""
        out: Array = np.exp(self.log_mean(backbone, slot, thinks, difficulty) + self.variance / 2)
        return out


def fit_bill(
    observed: Observations, value: Array, profile: Profile, slots: int, start: Array, sd: float
) -> Bill:
    """Ridge regression on logarithms.

    Args:
        observed: the calls.
        value: what is billed, `[n]`, above 0.
        profile: the backbones.
        slots: S.
        start: what the profile expects, `[M]`.
        sd: how far (in logarithms) a backbone may be from it.
    """
    m, n = len(profile.names), len(observed)
    x = np.zeros((n, m + slots + 2))
    rows = np.arange(n)
    x[rows, observed.backbone] = 1.0
    x[rows, m + observed.slot] = 1.0
    difficulty = observed.difficulty[observed.query]
    x[:, -2], x[:, -1] = difficulty, difficulty * profile.thinks[observed.backbone]
    prior = np.concatenate([np.log(start) - 0.5 * _NOISE**2, np.zeros(slots + 2)])
    precision = 1 / np.concatenate([np.full(m, sd), np.full(slots + 2, 0.2)]) ** 2
    y, variance = np.log(np.maximum(value, 1e-12)) - x @ prior, _NOISE**2
    for _ in range(4):
        system = x.T @ x / variance + np.diag(precision)
        away = np.linalg.solve(system, x.T @ y / variance)
        wrong = float(((y - x @ away) ** 2).sum())
        variance = (_NOISE_CALLS * _NOISE**2 + wrong) / (_NOISE_CALLS + n)
    found = prior + away
    spread = np.sqrt(np.diag(np.linalg.inv(system)))
    return Bill(found[:m], found[m : m + slots], found[-2:], float(variance), spread[:m])
