"""Keys of answers to users' own questions."""

from __future__ import annotations

import pytest

from abgnn.data.open_key import open_key
from abgnn.data.query import OpenQuestion, Query

QUERY = Query("q", "Which treaty?", "general")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The answer is (B).", "Let me think. **Answer: B**"),
        ("So we get \\boxed{42}.", "The answer is 42."),
        ("The Peace of Westphalia.", "the peace of Westphalia"),
        ("<think>The answer is C</think>The answer is D.", "Answer: D"),
        ("First, the answer is A. No:\nthe answer is E.", "answer = e"),
    ],
)
def test_equal_answers_have_equal_keys(one: str, other: str) -> None:
    assert open_key(one) == open_key(other) != ""


def test_long_free_text_has_no_key() -> None:
    assert open_key("word " * 50) == ""


def test_a_megabyte_is_read_at_its_end() -> None:
    assert open_key("a " * 500_000 + "\nThe answer is 7.") == "7"
    assert open_key("a" * 1_000_000) == ""


def test_simulated_answers_to_open_questions_agree() -> None:
    task = OpenQuestion()
    header = "[simulated: {} tokens of reasoning]\n"
    right, wrong = (task.specimen(QUERY, correct=c) for c in (True, False))
    assert task.key(QUERY, header.format(3) + right) == task.key(QUERY, header.format(9) + right)
    assert task.key(QUERY, right) != task.key(QUERY, wrong)
