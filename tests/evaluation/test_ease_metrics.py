"""Our figures of predicted ease against torchmetrics and scikit-learn, where these apply."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import brier_score_loss, roc_auc_score
from torchmetrics.functional import mean_squared_error
from torchmetrics.functional.classification import binary_auroc, binary_calibration_error

from abgnn.evaluation.ease_metrics import (
    EaseFigures,
    Observed,
    auroc,
    auroc_within,
    expected_calibration_error,
)


def drawn(seed: int, n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Predictions and outcomes of 0 and 1."""
    rng = np.random.default_rng(seed)
    predicted = rng.beta(2, 1, n)
    return predicted, (rng.random(n) < predicted).astype(int)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_auroc(seed: int, ties: bool) -> None:
    predicted, outcome = drawn(seed)
    if ties:
        predicted = np.round(predicted, 1)
    own = auroc(predicted, outcome)
    assert own == pytest.approx(roc_auc_score(outcome, predicted), abs=1e-12)
    theirs = binary_auroc(torch.from_numpy(predicted), torch.from_numpy(outcome))
    assert own == pytest.approx(float(theirs), abs=1e-6)


@pytest.mark.parametrize("bins", [5, 10, 15])
@pytest.mark.parametrize("seed", range(5))
def test_calibration_error(seed: int, bins: int) -> None:
    predicted, outcome = drawn(seed)
    own = expected_calibration_error(predicted, outcome, bins)
    tensors = torch.from_numpy(predicted), torch.from_numpy(outcome)
    assert own == pytest.approx(float(binary_calibration_error(*tensors, n_bins=bins)), abs=1e-6)


def test_brier_is_the_squared_error_over_every_outcome() -> None:
    rng = np.random.default_rng(0)
    score = (rng.random((60, 7)) < 0.6).astype(float)
    ease = rng.random(60)
    own = EaseFigures.of(ease, Observed.of(score, ["a"] * 60)).brier
    every = np.repeat(ease, 7), score.ravel()
    assert own == pytest.approx(brier_score_loss(every[1], every[0]))
    theirs = mean_squared_error(*(torch.from_numpy(v) for v in every))
    assert own == pytest.approx(float(theirs), abs=1e-9)


def test_within_tasks_is_the_mean_of_theirs_weighted_by_pairs() -> None:
    predicted, outcome = drawn(7)
    task = np.arange(300) % 3
    weight = [outcome[task == k].sum() * (1 - outcome[task == k]).sum() for k in range(3)]
    theirs = [roc_auc_score(outcome[task == k], predicted[task == k]) for k in range(3)]
    own = auroc_within(predicted, outcome, task)
    assert own == pytest.approx(np.average(theirs, weights=weight))


@pytest.mark.filterwarnings("ignore:No negative samples")
def test_why_they_do_not_take_their_place() -> None:
    """If this fails, they may."""
    assert math.isnan(auroc([0.2, 0.3], [1, 1]))
    assert float(binary_auroc(torch.tensor([0.2, 0.3]), torch.tensor([1, 1]))) == 0
    with pytest.raises(RuntimeError, match="expected only the following values"):
        binary_calibration_error(torch.tensor([0.2, 0.8]), torch.tensor([0.5, 1.0]))
    assert expected_calibration_error([0.2, 0.8], [0.5, 1.0]) == pytest.approx(0.25)
