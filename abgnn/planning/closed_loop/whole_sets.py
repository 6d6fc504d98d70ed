"""Cascade routing's rule: which set of LLMs is worth its price as a whole; numpy only."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from abgnn.data.arrays import Array, Index
from abgnn.planning.budgets import Budget
from abgnn.planning.closed_loop.ahead import aim_of, prices_within
from abgnn.planning.closed_loop.batch import STOP, LoopBatch, LoopPolicy
from abgnn.planning.closed_loop.closed_loop import ClosedLoop
from abgnn.planning.closed_loop.problem import LoopProblem
from abgnn.planning.closed_loop.replay import Replay, Replayed
from abgnn.planning.closed_loop.ways import Ways

LATER = (0.5, 1.0, 2.0)
_TINY = 1e-300
Sets = dict[tuple[int, ...], Array]
Prices = tuple[float, float, float]
"""Of a USD, of a second, and the factor of both after the first answer."""


@dataclass(frozen=True, eq=False)
class WholeSets:
    """What sets of LLMs are worth for the questions of a batch, under any prices."""

    batch: LoopBatch

    @cached_property
    def expected(self) -> list[Sets]:
        """Z × E[the best answer's P(right)] after all LLMs of a set have answered too, whatever
        they say, by answers so far and set, `[Q, S]`."""
        weights, out = self.batch.weights, list[Sets]()
        m, beyond = len(self.batch.problems[0]), Sets()
        for level, stop in zip(reversed(weights.tree.levels), reversed(weights.stop), strict=True):
            here = Sets({(): stop})
            for rest, values in beyond.items():
                padded = np.concatenate([values, np.zeros((len(values), 1))], 1)
                for first in range(rest[0] if rest else m):
                    here[(first, *rest)] = padded[:, level.following[:, first]].sum(2)
            out.append(here)
            beyond = here
        return out[::-1]

    def values(self, n: int, price: Array) -> Array:
        r"""Of asking each LLM next, as the cheapest of the best set with it, after n answers.

        .. math:: V_m = \max_{T \ni m} \Big[E\big[\max_{m' \in S \cup T} P(m' \text{ is right})
            \big] - \sum_{m' \in T} price_{m'}\Big]

        S are the LLMs that have answered, T others that would all be asked: nothing is expected
        to be saved by stopping before. As in `tree_values`, values are times Z.

        Args:
            n: answers so far.
            price: of a call, `[Q, M]`; ∞ where an LLM cannot be asked.

        Returns:
            `[Q, S, M]`; −∞ for those that have answered.
        """
        weights, rows = self.batch.weights, np.arange(len(price))
        answered = weights.tree.levels[n].llms.astype(bool)  # [S, M]
        z = np.maximum(weights.total[n], _TINY)
        out = np.full((*z.shape, price.shape[1]), -np.inf)
        for chosen, expected in self.expected[n].items():
            if chosen:
                cost = price[:, chosen]  # [Q, |T|]
                value = expected - cost.sum(1)[:, None] * z
                value = np.where(answered[:, chosen].any(1), -np.inf, value)
                next_one = np.array(chosen)[cost.argmin(1)]  # [Q]
                out[rows, :, next_one] = np.maximum(out[rows, :, next_one], value)
        return out

    def policy(self, lambda_tok: float, lambda_lat: float, later: float) -> LoopPolicy:
        """The rule in every state; somebody is asked whatever the prices."""
        usd, seconds = self.batch.bills
        price, stop = lambda_tok * usd + lambda_lat * seconds, self.batch.weights.stop
        ask = self.values(0, price)
        choice: list[Index] = [np.where(np.isfinite(ask.max(2)), ask.argmax(2), STOP)]
        first = ask[:, 0].max(1)
        for n in range(1, len(stop)):
            ask = self.values(n, later * price)
            choice.append(np.where(ask.max(2) > stop[n], ask.argmax(2), STOP))
        return LoopPolicy(tuple(choice), np.full((len(price), 2), STOP), first)


@dataclass(frozen=True, eq=False)
class SetReplay:
    """A calibration, replayed under this rule.

    Args:
        replay: of the calibration.
        later: factor of prices after the first answer.
    """

    replay: Replay
    later: float = 1.0
    _sets: dict[LoopBatch, WholeSets] = field(default_factory=dict)

    @property
    def problems(self) -> list[LoopProblem]:
        return list(self.replay.problems)

    def __call__(self, lambda_tok: float, lambda_lat: float = 0.0) -> Replayed:
        def rule(batch: LoopBatch) -> LoopPolicy:
            sets = self._sets.setdefault(batch, WholeSets(batch))
            return sets.policy(lambda_tok, lambda_lat, self.later)

        return self.replay.under(rule)


def set_prices(loop: ClosedLoop, budget: Budget) -> Prices:
    """Those that keep budgets, with the best factor of later ones, by replay.

    Raises:
        ConfigError: a calibration with gaps: nothing can be replayed.
    """
    replay = SetReplay(replace(loop, reading=None).replay_of_all)
    made, means = list[Prices](), list[tuple[float, ...]]()
    for later in LATER:
        rule = replace(replay, later=later)
        tok, lat = prices_within(rule, budget, aim_of(budget))
        run = rule(tok, lat)
        made.append((tok, lat, later))
        means.append(tuple(float(v.mean()) for v in (run.right, run.usd, run.seconds)))
    return Ways(made, np.array(means)).best(budget)
