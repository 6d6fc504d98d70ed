"""Replay of a calibration: what a closed loop would have answered, and what it would have cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np

from abgnn.data.arrays import Array, Index
from abgnn.planning.closed_loop.answer_table import AnswerTable
from abgnn.planning.closed_loop.batch import LoopBatch, batches
from abgnn.planning.closed_loop.problem import LoopProblem
from abgnn.planning.closed_loop.walks import Answers, Chooses, Walks


@dataclass(frozen=True)
class Replayed:
    """What Q questions came to.

    Args:
        right: score of the answer that stood, `[Q]`.
        usd, seconds: spent; seconds of a parallel start count once, `[Q]`.
        calls: answers bought; their expectation, where answers are drawn from the model, `[Q]`.
        probability: P(right) that the loop gave its answer, `[Q]`.
        llm: index, in the table, of the LLM whose answer stood; −1: nobody was asked, `[Q]`.
    """

    right: Array
    usd: Array
    seconds: Array
    calls: Index | Array
    probability: Array
    llm: Index


class Replayable(Protocol):
    """What can be replayed under any prices: a complete calibration, or what is expected of one."""

    @property
    def problems(self) -> Sequence[LoopProblem]: ...

    def __call__(self, lambda_tok: float, lambda_lat: float = 0.0) -> Replayed: ...


@dataclass(frozen=True, eq=False)
class Replay:
    """Questions whose answers are all known to the one who judges.

    Args:
        problems: one of each question; their prices are put aside.
        table: answers of all candidates to the same questions.
    """

    problems: Sequence[LoopProblem]
    table: AnswerTable

    @cached_property
    def _batches(self) -> list[tuple[Index, LoopBatch]]:
        return batches(self.problems)

    @cached_property
    def answers(self) -> list[Answers]:
        return [Answers.of(self.table, q, problem) for q, problem in enumerate(self.problems)]

    @cached_property
    def _walks(self) -> list[tuple[Index, Walks]]:
        return [(at, Walks(batch, [self.answers[q] for q in at])) for at, batch in self._batches]

    def __call__(self, lambda_tok: float, lambda_lat: float = 0.0) -> Replayed:
        """Under prices of a USD and a second."""
        return self.under(lambda batch: batch.policy(lambda_tok, lambda_lat))

    def under(self, rule: Callable[[LoopBatch], Chooses]) -> Replayed:
        """Under any rule of deciding."""
        out = np.zeros((6, len(self.problems)))
        for index, walks in self._walks:
            out[:, index] = walks(rule(walks.batch))
        right, usd, seconds, calls, probability, llm = out
        whole = calls.astype(np.int64), llm.astype(np.int64)
        return Replayed(right, usd, seconds, whole[0], probability, whole[1])


def price_of_budget(
    replay: Replayable, usd: float, lambda_lat: float = 0.0, aim: float = 0.97, steps: int = 30
) -> float:
    """The least λ_tok at which the replay's mean cost is within `aim` of the budget; bisection.

    Where even the highest price exceeds it, that one: the cheapest LLM alone.
    """
    unit = _unit([p.usd.mean() for p in replay.problems])
    return _least_price(lambda price: replay(price, lambda_lat).usd.mean(), aim * usd, steps, unit)


def price_of_seconds(
    replay: Replayable, seconds: float, lambda_tok: float, aim: float = 0.97, steps: int = 20
) -> float:
    """The least λ_lat at which the replay's mean seconds are within `aim` of the budget."""
    unit = _unit([p.seconds.mean() for p in replay.problems])
    return _least_price(lambda x: replay(lambda_tok, x).seconds.mean(), aim * seconds, steps, unit)


def prices_of_budgets(
    replay: Replayable, usd: float, seconds: float | None, aim: float = 0.97, rounds: int = 4
) -> tuple[float, float]:
    """λ_tok and λ_lat that keep the replay's mean cost and mean seconds within both budgets."""
    tok, lat = price_of_budget(replay, usd, 0.0, aim), 0.0
    if seconds is None or replay(tok, 0.0).seconds.mean() <= seconds:
        return tok, lat
    for _ in range(rounds):
        before, lat = tok, price_of_seconds(replay, seconds, tok, aim)
        tok = price_of_budget(replay, usd, lat, aim, 20)
        if tok == before:  # and so would be the next
            break
    return tok, lat


def _unit(bills: Sequence[float]) -> float:
    """A price at which a mean call is worth as much as a right answer."""
    return 1.0 / max(float(np.mean(bills)), 1e-12)


def _least_price(spent, allowed: float, steps: int, unit: float) -> float:  # type: ignore[no-untyped-def]
    """The least price at which what is spent is within what is allowed."""
    if spent(0.0) <= allowed:
        return 0.0
    low, high = 1e-4 * unit, 1e-2 * unit
    while spent(high) > allowed:
        low, high = high, 4 * high
        if high > 1e6 * unit:
            return high
    for _ in range(steps):
        middle = (low * high) ** 0.5
        low, high = (low, middle) if spent(middle) <= allowed else (middle, high)
        if high / low < 1.002:
            break
    return high


def priced(problem: LoopProblem, lambda_tok: float, lambda_lat: float = 0.0) -> LoopProblem:
    """The same question under other prices."""
    return replace(problem, lambda_tok=lambda_tok, lambda_lat=lambda_lat)
