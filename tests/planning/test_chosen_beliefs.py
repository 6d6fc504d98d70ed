"""Kinds of beliefs are chosen by what they say of questions that were left out."""

from __future__ import annotations

import numpy as np
import pytest

from abgnn.errors import ConfigError
from abgnn.planning.chosen_beliefs import choose_beliefs

RNG = np.random.default_rng(0)
CHANCE = RNG.random((200, 3))
SCORE = (RNG.random((200, 3)) < CHANCE).astype(float)
BLIND = np.full((200, 3), 0.5)


def test_the_better_predictions_win_from_either_place() -> None:
    for order in ({"good": CHANCE, "blind": BLIND}, {"blind": BLIND, "good": CHANCE}):
        chosen, errors = choose_beliefs(order, SCORE)
        assert chosen == "good"
        assert errors["good"] < errors["blind"]


def test_what_is_common_to_all_llms_does_not_count() -> None:
    chosen, errors = choose_beliefs({"right": CHANCE, "shifted": CHANCE - 0.3}, SCORE)
    assert chosen == "right"
    assert errors["shifted"] == pytest.approx(errors["right"])


def test_the_first_stays_unless_another_is_clearly_better() -> None:
    near = CHANCE + 1e-3 * RNG.normal(size=CHANCE.shape)
    assert choose_beliefs({"near": near, "right": CHANCE}, SCORE)[0] == "near"
    assert choose_beliefs({"right": CHANCE, "near": near}, SCORE)[0] == "right"


def test_answers_that_are_missing_are_left_out() -> None:
    score = SCORE.copy()
    score[RNG.random(score.shape) < 0.5] = np.nan
    score[0] = np.nan
    assert choose_beliefs({"flat": BLIND, "right": CHANCE}, score)[0] == "right"


def test_shapes_are_checked() -> None:
    with pytest.raises(ConfigError, match="left_out of right"):
        choose_beliefs({"right": CHANCE[:5]}, SCORE)
    with pytest.raises(ConfigError, match="left_out"):
        choose_beliefs({}, SCORE)
