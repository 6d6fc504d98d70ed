"""Ridge logistic regression on soft targets by Newton's method; numpy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from abgnn.data.arrays import Array

STEPS = 30


@dataclass(frozen=True)
class Logistic:
    """P(y | x) = σ(w · (x − mean) / scale + b); call it with `[Q, F]` for `[Q]`."""

    mean: Array
    scale: Array
    weight: Array

    def __call__(self, x: Array) -> Array:
        p: Array = _sigmoid(_design(x, self.mean, self.scale) @ self.weight)
        return p


def fit_logistic(x: Array, y: Array, ridge: float = 10.0) -> Logistic:
    """Minimise cross-entropy + ½ ridge ‖w‖² over standardised columns, intercept free.

    Args:
        x: `[Q, F]`; y: in [0, 1], `[Q]`; ridge: in units of observations.
    """
    mean, scale = x.mean(0), x.std(0) + 1e-9
    design = _design(x, mean, scale)  # [Q, F + 1]
    weight = np.zeros(design.shape[1])
    penalty = np.append(np.full(x.shape[1], ridge), 1e-6)
    for _ in range(STEPS):
        p = _sigmoid(design @ weight)
        gradient = design.T @ (p - y) + penalty * weight
        hessian = (design * (p * (1 - p))[:, None]).T @ design + np.diag(penalty)
        step = np.linalg.solve(hessian, gradient)
        weight = weight - step
        if np.abs(step).max() < 1e-8:
            break
    return Logistic(mean, scale, weight)


def _design(x: Array, mean: Array, scale: Array) -> Array:
    design: Array = np.hstack([(x - mean) / scale, np.ones((len(x), 1))])
    return design


def _sigmoid(x: Array) -> Array:
    p: Array = 1 / (1 + np.exp(-np.clip(x, -30, 30)))
    return p
