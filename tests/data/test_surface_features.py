"""What is counted in a question."""

from __future__ import annotations

import math

import pytest

from abgnn.data.surface_features import SURFACE_NAMES, surface_counts


def count(text: str, name: str) -> float:
    row = surface_counts([text])[0]
    return float(row[SURFACE_NAMES.index(name)])


@pytest.mark.parametrize(
    ("text", "name", "times"),
    [
        ("Add 12 and 3.5, then 1,000.", "numbers", 3),
        ("Add 12 and 3.5", "digits", 4),
        (r"Find $\frac{1}{2}\pi$.", "latex_commands", 2),
        (r"Find $\frac{1}{2}\pi$.", "dollar_signs", 2),
        (">>> f(1)\n2\n>>> f(2) -> int\nassert f(3)", "doctests", 4),
        ("reassert the assertion", "doctests", 0),
        ("Which?\nA. one\n(B) two\n C: three\nDo. four", "options", 3),
        ("It costs $5, 20% of 25 dollars", "money", 3),
        ("Each is TWICE as old; perhaps", "quantifiers", 2),
        ("All are true except one, not two", "negations", 2),
        ("naïve λ", "beyond_ascii", 2),
        ("a\nb\n", "lines", 2),
        ("abc", "characters", 3),
    ],
)
def test_counts(text: str, name: str, times: int) -> None:
    assert count(text, name) == pytest.approx(math.log1p(times))


def test_means_of_words_and_sentences() -> None:
    text = "One two. Three four five six? 3.5"  # the point in 3.5 ends nothing
    assert count(text, "words_per_sentence") == 7 / 2
    assert count("ab abcd", "word_length") == 3


def test_shape_and_emptiness() -> None:
    assert len(SURFACE_NAMES) == len(set(SURFACE_NAMES)) == 22
    assert surface_counts(["", "a"]).shape == (2, 22)
    assert not surface_counts([""]).any()
    assert surface_counts([]).shape == (0, 22)


@pytest.mark.timeout(10)
def test_long_texts_take_linear_time() -> None:
    """No pattern backtracks over what a hostile or broken file may hold."""
    surface_counts([c * 300_000 for c in ("\n", " ", "1,", "$ ", "\\", ">", "(")])
