r"""Which of a question's wrong answers a wrong call gives, as places among W wrong answers.

A wrong call takes the question's attractor with probability :math:`\alpha + (1 - \alpha) / W`, any
other with :math:`(1 - \alpha) / W`, so LLMs agree when they are wrong. A backbone has a wrong
answer of its own, drawn likewise, which it gives again with probability :math:`\rho`.
"""

from __future__ import annotations

import math

ATTRACTION = {"general": 0.55, "math": 0.6, "code": 0.4}
"""α by domain, for tasks that state none: of choices, of short numbers, of programs."""


def agreement(attraction: float, wrong: int) -> float:
    """How often two independent wrong answers are the same."""
    rest = (1 - attraction) / wrong
    return (attraction + rest) ** 2 + (wrong - 1) * rest**2


def repeat_share(attraction: float, wrong: int, repeats: float) -> float:
    """ρ with which a backbone that is wrong twice agrees with itself in a share `repeats`."""
    by_chance = agreement(attraction, wrong)
    if by_chance >= repeats:
        return 0.0
    return math.sqrt((repeats - by_chance) / (1 - by_chance))


def place_of(uniform: float, attractor: int, attraction: float, wrong: int) -> int:
    """The place that a uniform number in [0, 1) picks."""
    if uniform < attraction:
        return attractor
    return min(int((uniform - attraction) / (1 - attraction) * wrong), wrong - 1)
