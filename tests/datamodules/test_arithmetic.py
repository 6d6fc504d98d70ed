"""Arithmetic: right, distinct, seeded questions."""

import re

import pytest

from abgnn.errors import ConfigError
from datamodules import Arithmetic
from datamodules.arithmetic import KINDS


def _solve(text: str) -> int:
    """The answer, read from the text alone."""
    if text.startswith("Which"):
        return max(int(n) for n in re.findall(r"\d+", text))
    found = re.fullmatch(r"What is ([\d +*-]+)\?", text)
    assert found
    return int(eval(found[1]))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_answers_are_right_and_questions_distinct(seed: int) -> None:
    queries = Arithmetic(seed=seed).load()
    assert len(queries) == 240
    assert len({q.id for q in queries}) == len({q.text for q in queries}) == 240
    for query in queries:
        assert _solve(query.text) == int(query.answer)
        assert query.meta["topic"] in range(10)
        assert query.meta["kind"] == KINDS[query.meta["level"]].name
        assert len(query.text) < 40
    for level in KINDS:
        numbers = [
            tuple(sorted(re.findall(r"\d+", q.text))) for q in queries if q.meta["level"] == level
        ]
        assert len(set(numbers)) == len(numbers) == 40


def test_levels_ask_what_they_say() -> None:
    for query in Arithmetic(n_questions=300).load():
        operands = [int(n) for n in re.findall(r"\d+", query.text)]
        level = query.meta["level"]
        assert len(operands) == (3 if level in (5, 6) else 2)
        assert all(
            (10 if level == 4 else 0) <= n <= (99 if level in (4, 6) else 9) for n in operands
        )
        assert int(query.answer) >= 0
        assert query.meta["topic"] == int(str(operands[0])[0])


def test_seeds_differ_and_repeat() -> None:
    assert Arithmetic(seed=1).load() == Arithmetic(seed=1).load()
    assert Arithmetic(seed=1).load() != Arithmetic(seed=2).load()


@pytest.mark.parametrize("n", [1, 5, 328, 330])
def test_questions_are_dealt_evenly(n: int) -> None:
    counts = [0] * 7
    for query in Arithmetic(n_train=0, n_val=0, n_questions=n).load():
        counts[query.meta["level"]] += 1
    assert sum(counts) == n
    assert counts[1:] == sorted(counts[1:], reverse=True)
    assert max(counts[1:]) - min(counts[1:]) <= 1


def test_levels_are_chosen() -> None:
    queries = Arithmetic(n_questions=100, levels=[6, 4]).load()
    assert {q.meta["level"] for q in queries} == {4, 6}


@pytest.mark.parametrize("levels", [[], [0], [7], [1, 1]])
def test_wrong_levels(levels: list[int]) -> None:
    with pytest.raises(ConfigError, match=r"Arithmetic\.levels"):
        Arithmetic(levels=levels)


def test_as_many_questions_as_there_are() -> None:
    assert len(Arithmetic(n_questions=55, levels=[1]).load()) == 55
    assert len(Arithmetic(n_questions=111, levels=[4, 1]).load()) == 111
    for n in (0, 331):
        with pytest.raises(ConfigError, match=r"Arithmetic\.n_questions"):
            Arithmetic(n_questions=n)
    with pytest.raises(ConfigError, match="1 to 111"):
        Arithmetic(n_questions=112, levels=[4, 1])


def test_specimens() -> None:
    data = Arithmetic()
    for query in data.load():
        right, wrong = (data.specimen(query, correct=c) for c in (True, False))
        assert data.score(query, right) == 1.0
        assert data.score(query, wrong) == 0.0
        assert wrong == data.specimen(query, correct=False)


def test_scoring_is_exact() -> None:
    data = Arithmetic(n_questions=55, levels=[1])
    query = next(q for q in data.load() if q.answer == "5")
    assert data.score(query, "5.0") == 1.0
    assert data.score(query, "-5") == 0.0
    assert data.score(query, "I cannot tell.") == 0.0
