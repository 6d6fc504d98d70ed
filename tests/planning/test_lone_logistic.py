"""The logistic outcome model on lone outcomes alone."""

from __future__ import annotations

import numpy as np
import pytest

from abgnn.data.query import Query
from abgnn.planning.chosen_beliefs import FittedBeliefs, choose_beliefs
from abgnn.planning.lone_logistic import LoneLogistic, logistic_left_out
from abgnn.planning.lone_outcomes import LoneOutcomes
from abgnn.planning.prior import Prior
from abgnn.planning.questions import Questions
from abgnn.planning.two_stage import TwoStageBeliefs
from abgnn.planning.two_stage_fit import difference_error

NAMES = ("a", "b")
COST = np.array([1e-4, 2e-4])
PRIOR = Prior(NAMES, np.array([0.5, 0.5]), COST, COST, np.zeros(2, bool), COST, 100.0)


def questions(n: int, seed: int) -> Questions:
    embedding = np.random.default_rng(seed).normal(size=(n, 4))
    embedding /= np.linalg.norm(embedding, axis=1, keepdims=True)
    return Questions.of([Query(f"q{i}", f"question {i}", "general") for i in range(n)], embedding)


def outcomes(asked: Questions, seed: int = 0) -> LoneOutcomes:
    """Who is right depends on the text; a fifth of the answers is missing."""
    rng = np.random.default_rng(seed)
    first = asked.embedding[:, 0] > 0
    chance = np.stack([np.where(first, 0.9, 0.2), np.where(first, 0.2, 0.9)], 1)
    score = (rng.random(chance.shape) < chance).astype(float)
    score[rng.random(score.shape) < 0.2] = np.nan
    bill = np.where(np.isnan(score), np.nan, COST)
    return LoneOutcomes(score, bill, bill)


@pytest.fixture(scope="module")
def fitted() -> tuple[Questions, LoneOutcomes, LoneLogistic]:
    asked = questions(120, 0)
    seen = outcomes(asked)
    return asked, seen, LoneLogistic.fit(asked, seen, ("x", "y"), PRIOR)


def test_it_reads_who_is_right_and_what_it_costs(
    fitted: tuple[Questions, LoneOutcomes, LoneLogistic],
) -> None:
    belief = fitted[2](at := questions(100, 5))
    assert belief.accuracy.shape == (100, 2, 2)
    best = belief.accuracy[:, 0].argmax(1)
    assert (best == np.where(at.embedding[:, 0] > 0, 0, 1)).mean() > 0.85
    np.testing.assert_allclose(belief.usd, np.broadcast_to(COST, belief.usd.shape))


def test_left_out_folds_tell_it_from_beliefs_that_read_nothing(
    fitted: tuple[Questions, LoneOutcomes, LoneLogistic],
) -> None:
    asked, seen, model = fitted
    left_out = logistic_left_out(asked, seen, PRIOR)
    blind = np.full_like(left_out, 0.5)
    assert difference_error(seen.score, left_out) < 0.8 * difference_error(seen.score, blind)
    inside = model(asked).accuracy[:, 0]
    assert difference_error(seen.score, left_out) > difference_error(seen.score, inside)
    two = TwoStageBeliefs.fit(asked, seen, ("x", "y"), NAMES)
    kinds = [FittedBeliefs("two-stage", two, two.left_out), FittedBeliefs("own", model, left_out)]
    chosen, errors = choose_beliefs(kinds, seen.score)
    assert errors[chosen.name] <= 1.05 * min(errors.values())
