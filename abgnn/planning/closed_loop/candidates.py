"""Which LLMs a closed loop may ask: of each task the few with the least regret."""

from __future__ import annotations

import numpy as np

from abgnn.data.arrays import Array, Index

MOST = 6
N_PRICES = 24


def price_grid(usd: Array, n: int = N_PRICES) -> Array:
    """λ from where money hardly counts to where little else does, `[n]`; bills `[M]`."""
    low, high = max(float(usd.max()), 1e-12), max(float(usd.min()), 1e-12)
    return np.geomspace(0.003 / low, 0.3 / high, n)


def candidates(accuracy: Array, usd: Array, most: int = MOST) -> Index:
    r"""The LLMs that come nearest to being the best one under some price, cheapest first.

    .. math:: regret_m = \min_\lambda \big[\max_{m'} (\bar p_{m'} - \lambda \bar c_{m'})
        - (\bar p_m - \lambda \bar c_m)\big]

    Args:
        accuracy, usd: means of a task, `[M]`.
        most: how many.
    """
    value = accuracy - price_grid(usd)[:, None] * usd  # [λ, M]
    regret = (value.max(1, keepdims=True) - value).min(0)
    chosen = np.argsort(regret, kind="stable")[:most]
    out: Index = chosen[np.argsort(usd[chosen], kind="stable")]
    return out
