"""Kinds of beliefs are chosen by what they say of questions that were left out."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest

from abgnn.errors import ConfigError
from abgnn.planning.beliefs import Beliefs
from abgnn.planning.chosen_beliefs import FittedBeliefs, choose_beliefs

RNG = np.random.default_rng(0)
CHANCE = RNG.random((200, 3))
SCORE = (RNG.random((200, 3)) < CHANCE).astype(float)


def candidate(name: str, left_out: np.ndarray) -> FittedBeliefs:
    return FittedBeliefs(name, cast(Beliefs, None), left_out)


def test_the_better_predictions_win_from_either_place() -> None:
    good, blind = candidate("good", CHANCE), candidate("blind", np.full((200, 3), 0.5))
    for order in ([good, blind], [blind, good]):
        chosen, errors = choose_beliefs(order, SCORE)
        assert chosen.name == "good"
        assert errors["good"] < errors["blind"]


def test_what_is_common_to_all_llms_does_not_count() -> None:
    shifted = candidate("shifted", CHANCE - 0.3)
    chosen, errors = choose_beliefs([candidate("right", CHANCE), shifted], SCORE)
    assert chosen.name == "right"
    assert errors["shifted"] == pytest.approx(errors["right"])


def test_the_first_stays_unless_another_is_clearly_better() -> None:
    near = candidate("near", CHANCE + 1e-3 * RNG.normal(size=CHANCE.shape))
    right = candidate("right", CHANCE)
    assert choose_beliefs([near, right], SCORE)[0].name == "near"
    assert choose_beliefs([right, near], SCORE)[0].name == "right"


def test_answers_that_are_missing_are_left_out() -> None:
    score = SCORE.copy()
    score[RNG.random(score.shape) < 0.5] = np.nan
    score[0] = np.nan
    flat = candidate("flat", np.full((200, 3), 0.5))
    assert choose_beliefs([flat, candidate("right", CHANCE)], score)[0].name == "right"


def test_shapes_are_checked() -> None:
    with pytest.raises(ConfigError, match="left_out of right"):
        choose_beliefs([candidate("right", CHANCE[:5])], SCORE)
    with pytest.raises(ConfigError, match="candidates"):
        choose_beliefs([], SCORE)
