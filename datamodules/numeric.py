"""`Numeric`: the mixin of benchmarks whose answers are exact numbers."""

from __future__ import annotations

from fractions import Fraction
from hashlib import blake2b

from abgnn.data.query import Query
from abgnn.data.specimens import split_header
from datamodules.scoring import last_number
from datamodules.scoring.near_misses import near_numbers

WRONG = 11  # wrong numbers of a question


class Numeric:
    """Mixin: the answer is a number as `Fraction` reads it."""

    def score(self, query: Query, response: str) -> float:
        """1 if the number stated equals the answer exactly."""
        return float(last_number(response) == Fraction(query.answer))

    def key(self, query: Query, response: str) -> str:
        """The number that scoring reads, as a fraction in lowest terms; empty where none is."""
        number = last_number(split_header(response)[1])
        return "" if number is None else str(number)

    def answer_keys(self, query: Query) -> list[str]:
        """The right number, and those that slips make of it."""
        right = Fraction(query.answer)
        return [str(number) for number in (right, *near_numbers(right, WRONG))]

    def specimen(self, query: Query, key: str | None = None, *, correct: bool = True) -> str:
        """This number; without one, the right number, or one beside it."""
        if key is not None and Fraction(key) != Fraction(query.answer):
            return f"The answer is {key}."
        if correct:
            return f"The answer is {query.answer}."
        beside = 1 if blake2b(query.id.encode()).digest()[0] % 2 else -1
        return f"The answer is {Fraction(query.answer) + beside}."
