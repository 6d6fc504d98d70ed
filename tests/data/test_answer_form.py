"""What a text shows of itself."""

from __future__ import annotations

import math

import pytest

from abgnn.data.answer_form import FORM_FEATURES, form_features
from abgnn.data.recorded_text import with_score
from abgnn.data.specimens import with_header


def of(text: str) -> dict[str, float]:
    return dict(zip(FORM_FEATURES, form_features(text), strict=True))


def test_each_feature_moves_with_what_it_counts() -> None:
    plain = of("The treaty ended the war.")
    assert of("I think, perhaps, the treaty ended it.")["log hedges"] > plain["log hedges"] == 0
    sums = of("3 + 4 = 7, then 7 x 2 = 15.")
    assert sums["log sums"] == pytest.approx(math.log1p(2))
    assert sums["log wrong sums"] == pytest.approx(math.log1p(1))
    assert of("Answer: B")["states an answer"] == 1
    assert of("#### 42")["states an answer"] == 1
    assert of("the house costs $<<80*2")["open brackets"] == 1
    assert of("a\nb\nccc")["log characters of the last line"] == pytest.approx(math.log1p(3))
    assert of("It is 27.5")["whole last number"] == 0
    assert of("It is 27")["whole last number"] == 1
    assert of("9 hours later")["log characters after the last number"] > 0


def test_a_number_of_the_question_is_known_again() -> None:
    asked = "A train takes 4 hours. How far?"
    features = [form_features(text, asked) for text in ("He is there after 4 hours.", "45 miles")]
    place = FORM_FEATURES.index("last number of the question")
    assert [each[place] for each in features] == [1, 0]


def test_headers_are_not_read() -> None:
    text = "It is 42."
    assert form_features(with_header(900, text)) == form_features(text)
    assert form_features(with_score(1.0, text)) == form_features(with_score(0.0, text))


@pytest.mark.parametrize("text", ["", "\x00", "x" * 1_000_000, "=" * 500_000])
def test_any_text_has_finite_features(text: str) -> None:
    assert all(math.isfinite(value) for value in form_features(text))
