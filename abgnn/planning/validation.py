"""Cross-validation of the outcome model over questions."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from abgnn.data.arrays import Array
from abgnn.planning.calibration import Calibration
from abgnn.planning.correctness import Correctness, fit_correctness
from abgnn.planning.observations import Observations
from abgnn.planning.quadrature import NODES, WEIGHTS


def foretold(calibration: Calibration, folds: int = 4, seed: int = 0) -> Array:
    """P(right) of every observed call by a model that has not seen its question, `[n]`.

    Args:
        calibration: with calls on at least two questions.
        folds: into which the questions are divided at random; a model is fitted for each.
        seed: of the division.
    """
    observed = calibration.observed
    queries = np.random.default_rng(seed).permutation(np.unique(observed.query))
    folds = min(folds, len(queries))
    assert folds > 1, "calls on at least two questions"
    slots, lead = len(calibration.template.roles), calibration.template.lead
    right = np.empty(len(observed))
    for k in range(folds):
        out = np.isin(observed.query, queries[k::folds])
        model = fit_correctness(observed.rows(~out), calibration.profile, slots, lead)
        right[out] = _probability(model, observed.rows(out), calibration)
    return right


def _probability(model: Correctness, calls: Observations, calibration: Calibration) -> Array:
    """E sigmoid(N(x mean, x covariance x + s²)) of every call, `[n]`; new questions have no u."""
    x = model.layout.features(
        calibration.profile,
        calls.backbone,
        calls.slot,
        calls.difficulty[calls.query],
        calls.n_messages,
        calls.share_right,
        calls.group[calls.query],
    )  # [n, size]
    variance = np.einsum("ni,ij,nj->n", x, model.covariance, x) + model.query_sd**2
    logit = (x @ model.mean)[:, None] + np.sqrt(np.maximum(variance, 0))[:, None] * NODES
    mean: Array = expit(logit) @ (WEIGHTS / WEIGHTS.sum())
    return mean
