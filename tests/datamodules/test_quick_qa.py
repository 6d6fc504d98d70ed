"""QuickQA: balanced, distinct, and right wherever the answer can be computed."""

import math
import re
from collections import Counter
from fractions import Fraction
from itertools import permutations, product

import pytest

from abgnn.data.query import Query
from datamodules import QuickQA

DICE = [sum(d) for d in product(range(1, 7), repeat=2) if 6 in d]
# The beginning of a question, and the numbers in its right option.
COMPUTED: dict[str, list[Fraction | int]] = {
    "A current of 2 A flows": [2 * 6],
    "A car of mass 1000 kg": [1000 * 2],
    "A wave of wavelength 2 m": [Fraction(340, 2)],
    "What is the highest possible efficiency": [100 * (1 - Fraction(300, 600))],
    "What is the oxidation number of manganese": [4 * 2 - 1],
    "Unpolarised light passes": [Fraction(1, 2) * Fraction(1, 2) ** 2],
    "How many states does the level n = 3": [sum(2 * (2 * l_ + 1) for l_ in range(3))],
    "Muons move at 0.8": [Fraction(1, math.isqrt(100 - 64)) * 10],
    "What is 8 × 7": [8 * 7],
    "What is half of 90": [90 // 2],
    "What is 15 % of 200": [15 * 200 // 100],
    "If 3x + 4 = 19": [x for x in range(20) if 3 * x + 4 == 19],
    "What is the area of a triangle": [10 * 6 // 2],
    "What is 2 to the power of 6": [2**6],
    "What is the mean of 4, 8 and 15": [Fraction(4 + 8 + 15, 3)],
    "In how many different orders": [len(set(permutations("MATH")))],
    "What is the value of the Python expression": [17 // 5],
    "What are the solutions of": [x for x in range(-9, 10) if x * x - 5 * x + 6 == 0],
    "A price of 80 euros": [80 * Fraction(5, 4) * Fraction(3, 4)],
    "What is the integral of sin x": [round(-math.cos(math.pi) + math.cos(0))],
    "What is the greatest common divisor": [math.gcd(252, 198)],
    "Two fair dice are thrown": [Fraction(DICE.count(7), len(DICE))],
    "The interior angles of a convex polygon": [1440 // 180 + 2],
    "What is the remainder when 7": [7**100 % 13],
    "You buy a book for 7 euros": [20 - 7],
    "The Earth turns by 15° an hour": [90 // 15],
    "A deposit of 1000 euros": [1000 * Fraction(11, 10) ** 2],
    "The marginal propensity to consume": [1 / (1 - Fraction(8, 10))],
    "A monopolist has a constant marginal cost": [10 / (1 + Fraction(1, -2))],
    "A country's cities follow the rank-size rule": [Fraction(6, 3)],
}


@pytest.fixture(scope="module")
def queries() -> list[Query]:
    return QuickQA().load()


def _numbers(choice: str) -> list[Fraction]:
    found = re.findall(r"[+−-]?\d+(?:/\d+|\.\d+)?", choice.replace("cm²", ""))
    return [Fraction(number.replace("−", "-")) for number in found]


def _option(query: Query, letter: str) -> str:
    choice: str = query.meta["choices"]["ABCD".index(letter)]
    return choice


@pytest.mark.parametrize("start", COMPUTED)
def test_keys_are_right(start: str, queries: list[Query]) -> None:
    (query,) = [q for q in queries if q.text.startswith(start)]
    for letter in "ABCD":
        is_right = _numbers(_option(query, letter)) == COMPUTED[start]
        assert is_right == (letter == query.answer), _option(query, letter)


def test_counts(queries: list[Query]) -> None:
    assert len(queries) == 180
    cells = Counter((q.meta["subject"], q.meta["level"]) for q in queries)
    assert len(cells) == 30
    assert set(cells.values()) == {6}
    topics = Counter((q.meta["subject"], q.meta["topic"]) for q in queries)
    assert set(topics.values()) == {3}
    assert {topic for _, topic in topics} == set(range(10))
    assert {level for _, level in cells} == set(range(1, 6))
    areas = Counter(q.meta["area"] for q in queries)
    assert areas == {"stem": 60, "hum": 60, "soc": 30, "law": 30}


def test_letters_are_balanced(queries: list[Query]) -> None:
    letters = Counter(q.answer for q in queries)
    assert set(letters) == set("ABCD")
    assert all(0.2 <= count / len(queries) <= 0.3 for count in letters.values())


def test_questions_and_choices_are_distinct(queries: list[Query]) -> None:
    assert len({q.id for q in queries}) == 180
    assert len({q.text.split("\n")[0].casefold() for q in queries}) == 180
    for query in queries:
        assert len({choice.casefold() for choice in query.meta["choices"]}) == 4
        assert all(type(choice) is str and choice for choice in query.meta["choices"])


def test_text_shows_options_and_format(queries: list[Query]) -> None:
    for query in queries:
        question, *options, blank, form = query.text.split("\n")
        assert question.endswith("?") or question.endswith(".")
        assert options == [f"{a}) {c}" for a, c in zip("ABCD", query.meta["choices"], strict=True)]
        assert blank == ""
        assert form.endswith("end with: The answer is (X).")
        assert query.domain == "general"


def test_specimens(queries: list[Query]) -> None:
    data = QuickQA()
    wrong: Counter[str] = Counter()
    for query in queries:
        assert data.score(query, data.specimen(query, correct=True)) == 1.0
        assert data.score(query, data.specimen(query, correct=False)) == 0.0
        assert data.specimen(query, correct=False) == data.specimen(query, correct=False)
        wrong[data.specimen(query, correct=False)] += 1
    assert len(wrong) == 4


def test_each_option_text_is_read_as_its_letter(queries: list[Query]) -> None:
    data = QuickQA()
    for query in queries:
        for letter in "ABCD":
            for response in (
                f"The answer is {_option(query, letter)}.",
                f"{letter}) {_option(query, letter)}",
                f"I weighed (A), (B), (C) and (D). The answer is ({letter}).",
            ):
                assert data.score(query, response) == (letter == query.answer), response
