"""Cascade routing's rule: which set of LLMs is worth its price as a whole; numpy only."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from abgnn.data.arrays import Array, Index, Mask
from abgnn.planning.budgets import Budget
from abgnn.planning.closed_loop.ahead import aim_of, prices_within
from abgnn.planning.closed_loop.batch import STOP, LoopBatch
from abgnn.planning.closed_loop.closed_loop import ClosedLoop
from abgnn.planning.closed_loop.problem import LoopProblem, call_prices
from abgnn.planning.closed_loop.replay import Replay, Replayed
from abgnn.planning.closed_loop.tree_values import TreeWeights
from abgnn.planning.closed_loop.ways import Ways

LATER = (0.5, 1.0, 2.0)
_TINY = 1e-300
Sets = dict[tuple[int, ...], Array]
Prices = tuple[float, float, float]
"""Of a USD, of a second, and the factor of both after the first answer."""


@dataclass(frozen=True, eq=False)
class WholeSets:
    """What sets of LLMs are worth, under any prices, for the questions of these weights."""

    weights: TreeWeights

    @cached_property
    def expected(self) -> list[Sets]:
        """Z × E[the best answer's P(right)] after all LLMs of a set have answered too, whatever
        they say, by answers so far and set, `[Q, S]`."""
        weights, out = self.weights, list[Sets]()
        m, beyond = weights.tree.levels[0].llms.shape[1], Sets()
        for level, stop in zip(reversed(weights.tree.levels), reversed(weights.stop), strict=True):
            here = Sets({(): stop})
            for rest, values in beyond.items():
                padded = np.concatenate([values, np.zeros((len(values), 1))], 1)
                for first in range(rest[0] if rest else m):
                    here[(first, *rest)] = padded[:, level.following[:, first]].sum(2)
            out.append(here)
            beyond = here
        return out[::-1]

    @cached_property
    def _by_set(self) -> list[tuple[Mask, Array]]:
        """Members of the sets that can still be asked, `[T, M]`, and `expected`, `[Q, S, T]`."""
        m, out = self.weights.tree.levels[0].llms.shape[1], []
        for sets in self.expected:
            chosen = [of for of in sets if of]
            members = np.array([[llm in of for llm in range(m)] for of in chosen], dtype=bool)
            values = [sets[of] for of in chosen]
            of_all = np.stack(values, -1) if values else np.zeros((*sets[()].shape, 0))
            out.append((members.reshape(len(chosen), m), of_all))
        return out

    def values(self, n: int, rows: Index, states: Index, price: Array) -> Array:
        r"""Of asking each LLM next, as the cheapest of the best set with it, after n answers.

        .. math:: V_m = \max_{T \ni m} \Big[E\big[\max_{m' \in S \cup T} P(m' \text{ is right})
            \big] - \sum_{m' \in T} price_{m'}\Big]

        S are the LLMs that have answered, T others that would all be asked: nothing is expected
        to be saved by stopping before. As in `tree_values`, values are times Z.

        Args:
            n: answers so far.
            rows: questions, `[R]`.
            states: of each of them, `[R]`.
            price: of a call, `[R, M]`; ∞ where an LLM cannot be asked.

        Returns:
            `[R, M]`; −∞ for those that have answered.
        """
        weights, (members, expected) = self.weights, self._by_set[n]
        answered = weights.tree.levels[n].llms[states].astype(bool)  # [R, M]
        z = np.maximum(weights.total[n][rows, states], _TINY)
        costs = np.where(members, price[:, None], 0.0)  # [R, T, M]
        value = expected[rows, states] - costs.sum(2) * z[:, None]
        value[(members & answered[:, None]).any(2)] = -np.inf
        cheapest = np.where(members, price[:, None], np.inf).argmin(2)  # [R, T]
        next_one = members & (np.arange(price.shape[1]) == cheapest[:, :, None])
        out: Array = np.where(next_one, value[:, :, None], -np.inf).max(1, initial=-np.inf)
        return out


@dataclass(frozen=True, eq=False)
class SetRule:
    """The rule under prices, of a call `[Q, M]`; somebody is asked whatever they are.

    Args:
        sets: of the questions.
        price: before any answer.
        later: factor of prices after the first answer.
    """

    sets: WholeSets
    price: Array
    later: float

    @property
    def pair(self) -> Index:
        return np.full((len(self.price), 2), STOP)

    def choose(self, n: int, rows: Index, states: Index) -> Index:
        """LLM to ask, −1 to stop, `[R]`."""
        price = (self.later if n else 1.0) * self.price[rows]
        ask = self.sets.values(n, rows, states, price)
        stop = self.sets.weights.stop[n][rows, states]
        asks = ask.max(1) > stop if n else np.isfinite(ask.max(1))
        out: Index = np.where(asks, ask.argmax(1), STOP)
        return out


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
        def rule(batch: LoopBatch) -> SetRule:
            sets = self._sets.setdefault(batch, WholeSets(batch.weights))
            usd, seconds = batch.bills
            return SetRule(sets, call_prices(usd, seconds, lambda_tok, lambda_lat), self.later)

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
