"""How sure the loop may say it is: its last probability, calibrated on left-out replays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import expit, logit

from abgnn.data.arrays import Array
from abgnn.planning.closed_loop.replay import Replay

SLOPE_SD, SHIFT_SD = 0.3, 0.5


def platt(probability: Array, right: Array, weight: Array | None = None) -> tuple[float, float]:
    """a and b of σ(a logit p + b), MAP with a ~ N(1, .3²), b ~ N(0, .5²); Newton's steps.

    Args:
        probability, right: `[n]` each.
        weight: of each answer, `[n]`; None: 1.
    """
    x = logit(np.clip(probability, 1e-4, 1 - 1e-4))
    features = np.stack([x, np.ones_like(x)], 1)
    mean, precision = np.array([1.0, 0.0]), np.array([SLOPE_SD**-2, SHIFT_SD**-2])
    each = np.ones(len(x)) if weight is None else weight
    theta = mean.copy()
    for _ in range(30):
        p = expit(features @ theta)
        gradient = features.T @ (each * (right - p)) - precision * (theta - mean)
        curve = (features * (each * p * (1 - p))[:, None]).T @ features + np.diag(precision)
        theta = theta + np.linalg.solve(curve, gradient)
    return max(float(theta[0]), 0.05), float(theta[1])


def calibrate_final(replay: Replay, prices: Sequence[float]) -> tuple[float, float]:
    """From replays under several prices, each question counting once in all."""
    runs = [replay(price) for price in prices]
    probability = np.concatenate([run.probability[run.calls > 0] for run in runs])
    right = np.concatenate([run.right[run.calls > 0] for run in runs])
    if not len(right):
        return 1.0, 0.0
    return platt(probability, right, np.full(len(right), 1 / len(runs)))
