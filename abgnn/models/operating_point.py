"""`OperatingPoint`: λ's that a policy was taught, and what its plans there come to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """What the teacher expects of a policy's plans at these λ's, in the mean over its questions.

    Args:
        lambda_tok, lambda_lat: per USD and per second.
        accuracy, usd, seconds: per question.
    """

    lambda_tok: float
    lambda_lat: float
    accuracy: float
    usd: float
    seconds: float

    @classmethod
    def rows(cls, table: Iterable[Sequence[float]]) -> tuple[OperatingPoint, ...]:
        """Of a table with these five columns."""
        return tuple(cls(*row) for row in table)
