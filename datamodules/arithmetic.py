"""Arithmetic made from a seed, with exact answers: small enough for a very weak LLM."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from abgnn.data.query import Query
from abgnn.errors import ConfigError
from datamodules.numeric import Numeric
from datamodules.question_set import QuestionSet

Operands = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Kind:
    """One level: how operands are drawn, asked about and answered.

    Args:
        name: for example `add`.
        subject: `arithmetic` or `comparison`.
        low, high: of the operands, both ends included.
        arity: how many operands.
        text: a format string over the operands.
        solve: the exact answer.
        repeats: whether operands may be equal.
    """

    name: str
    subject: str
    low: int
    high: int
    arity: int
    text: str
    solve: Callable[[Operands], int]
    repeats: bool = True

    def capacity(self) -> int:
        """How many different questions there are; the order of operands makes no difference."""
        n, count = self.high - self.low + 1, 1
        for i in range(self.arity):
            count = count * (n + i if self.repeats else n - i) // (i + 1)
        return count

    def draw(self, rng: random.Random) -> Iterator[Operands]:
        """Operands without end; no two share the same numbers."""
        seen: set[Operands] = set()
        while True:
            operands = tuple(rng.randint(self.low, self.high) for _ in range(self.arity))
            same, distinct = tuple(sorted(operands)), len(set(operands)) == self.arity
            if same not in seen and (self.repeats or distinct):
                seen.add(same)
                yield tuple(sorted(operands, reverse=True)) if self.name == "subtract" else operands


KINDS: MappingProxyType[int, Kind] = MappingProxyType(
    {
        1: Kind("add", "arithmetic", 0, 9, 2, "What is {} + {}?", sum),
        2: Kind("subtract", "arithmetic", 0, 9, 2, "What is {} - {}?", lambda x: x[0] - x[1]),
        3: Kind("multiply", "arithmetic", 0, 9, 2, "What is {} * {}?", lambda x: x[0] * x[1]),
        4: Kind("add_two_digit", "arithmetic", 10, 99, 2, "What is {} + {}?", sum),
        5: Kind("add_three", "arithmetic", 0, 9, 3, "What is {} + {} + {}?", sum),
        6: Kind("largest", "comparison", 0, 99, 3, "Which is largest: {}, {} or {}?", max, False),
    }
)


class Arithmetic(Numeric, QuestionSet):
    """Six levels of arithmetic; no two questions hold the same numbers in another order.

    `meta`: level (1 to 6), kind, subject, topic (leading digit of the first operand, 0 to 9).

    Args:
        n_questions: in all, dealt evenly over the levels (the first ones get what is left over).
        levels: which of 1 (one-digit addition), 2 (one-digit subtraction), 3 (one-digit
            multiplication), 4 (two-digit addition), 5 (three one-digit terms), 6 (largest of
            three); None for all.
        splits: n_train, n_val, n_test, batch_size, seed (of the questions, too), limit, see
            `QuestionSet`.

    Raises:
        ConfigError: an unknown or repeated level, or more questions than a level has.
    """

    domain: ClassVar[str] = "math"

    def __init__(
        self, *, n_questions: int = 240, levels: list[int] | None = None, **splits: Any
    ) -> None:
        super().__init__(**splits)
        self.levels = sorted(KINDS) if levels is None else list(levels)
        if not set(self.levels) <= set(KINDS) or not 0 < len(self.levels) == len(set(self.levels)):
            raise ConfigError("Arithmetic.levels", levels, "distinct levels out of 1 to 6")
        most = min(
            len(self.levels) * KINDS[level].capacity() + i for i, level in enumerate(self.levels)
        )
        if not 1 <= n_questions <= most:
            raise ConfigError("Arithmetic.n_questions", n_questions, f"1 to {most}")
        self.n_questions = n_questions

    def load(self) -> list[Query]:
        """`n_questions` different questions, level by level."""
        each, left = divmod(self.n_questions, len(self.levels))
        return [
            question
            for i, level in enumerate(self.levels)
            for question in self._questions(level, each + (i < left))
        ]

    def _questions(self, level: int, n: int) -> list[Query]:
        kind = KINDS[level]
        draws = kind.draw(random.Random(f"{self.seed}/{level}"))
        return [self._query(level, kind, next(draws)) for _ in range(n)]

    def _query(self, level: int, kind: Kind, operands: Operands) -> Query:
        meta = {
            "level": level,
            "kind": kind.name,
            "subject": kind.subject,
            "topic": int(str(operands[0])[0]),
        }
        return Query(
            id=f"arithmetic/{kind.name}/{'_'.join(map(str, operands))}",
            text=kind.text.format(*operands),
            domain=self.domain,
            answer=str(kind.solve(operands)),
            meta=meta,
        )
