"""Wrong answers near a right one: other numbers, and formulas with another number in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from itertools import count

_INTEGER = re.compile(r"\d+")


def near_numbers(right: Fraction, n: int) -> list[Fraction]:
    """`n` different numbers that slips make of a right one: off by little, a factor, a digit."""
    near = dict.fromkeys(_slips(right, n))
    near.pop(right, None)
    return list(near)[:n]


def _slips(right: Fraction, n: int) -> Iterator[Fraction]:
    yield from (right + 1, right - 1, right * 2, right + 2, right - 2, right + 10, right * 10)
    yield from (right - 10, right * 3, right + 5)
    if right.denominator == 1 and not right % 2:
        yield right / 2
    yield from (right + step for step in range(11, 11 + n))


def near_formulas(right: str, n: int) -> list[str]:
    """`n` different formulas with one of the integers of `right` raised; none if it has none."""
    numbers = list(_INTEGER.finditer(right))
    near: dict[str, None] = {}
    for step in count(1) if numbers else ():
        for match in numbers:
            raised = str(int(match[0]) + step)
            near[f"{right[: match.start()]}{raised}{right[match.end() :]}"] = None
        if len(near) >= n:
            break
    return list(near)[:n]
