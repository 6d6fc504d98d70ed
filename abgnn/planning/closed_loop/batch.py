"""`LoopBatch`: what a closed loop decides on many questions at once, under any prices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from abgnn.data.arrays import Array, Index
from abgnn.planning.closed_loop.hardness import Ease, dearer, ease_by_state
from abgnn.planning.closed_loop.problem import LoopProblem, call_prices
from abgnn.planning.closed_loop.tree_values import (
    TreeWeights,
    ask_values,
    backward,
    ends,
    tree_weights,
)

CHUNK = 64
STOP = -1


@dataclass(frozen=True)
class LoopPolicy:
    """Decisions in every state of Q questions.

    Args:
        choice: LLM to ask, −1 to stop, or −2 − r to hand all answers to reader r, by level,
            `[Q, S]`.
        pair: two LLMs to ask at once at the start, `[Q, 2]`; −1: one after the other.
        value: expected accuracy less what it costs, before any answer, `[Q]`.
    """

    choice: tuple[Index, ...]
    pair: Index
    value: Array

    def choose(self, n: int, rows: Index, states: Index) -> Index:
        """Of questions in states after n answers, `[R]` each."""
        chosen: Index = self.choice[n][rows, states]
        return chosen


@dataclass(frozen=True, eq=False)
class LoopBatch:
    """Q questions with equally many candidates, whose prices are put aside.

    Args:
        problems: of the questions.
    """

    problems: tuple[LoopProblem, ...]

    @cached_property
    def weights(self) -> TreeWeights:
        return tree_weights(self.problems)

    @cached_property
    def bills(self) -> tuple[Array, Array]:
        """USD and seconds of a call, `[Q, M]` each."""
        usd = np.stack([problem.usd for problem in self.problems])
        return usd, np.stack([problem.seconds for problem in self.problems])

    @cached_property
    def ask_bills(self) -> list[Array]:
        """Z × USD, seconds and 1 of asking every LLM in every state, by level, `[3, Q, S, M]`."""
        usd, seconds = self.bills
        slopes = [problem.hardness for problem in self.problems]
        return self._billed(np.stack([usd, seconds, np.ones_like(usd)])[None], slopes)

    @cached_property
    def read_bills(self) -> list[Array]:
        """The same of handing all answers to every reader, `[3, Q, S, R]`."""
        slopes = [None if p.readers is None else p.readers.hardness for p in self.problems]
        return self._billed(np.moveaxis(self.reading, 3, 0), slopes)

    def _billed(self, bills: Array, slopes: Sequence[Array | None]) -> list[Array]:
        """From bills of all numbers of answers, or of each, `[1 or C + 1, 3, Q, M]`."""
        known, out = [of for of in slopes if of is not None], []
        for n, z in enumerate(self.weights.total):
            bill = bills[min(n, len(bills) - 1)][:, :, None] * z[:, :, None]
            if len(known) == len(slopes):
                for k, gamma in enumerate(np.stack(known, 1)):  # [Q, M]
                    bill[k] *= dearer(self._ease[0], self._ease[n], gamma)
            out.append(bill)
        return out

    @cached_property
    def _ease(self) -> list[Ease]:
        return ease_by_state(self.problems, self.weights)

    @cached_property
    def reading(self) -> Array:
        """USD, seconds and one call of every reader by answers read, `[3, Q, R, C + 1]`."""
        readers = [problem.readers for problem in self.problems if problem.readers is not None]
        usd, seconds = (np.stack([getattr(r, of) for r in readers]) for of in ("usd", "seconds"))
        return np.stack([usd, seconds, np.ones_like(usd)])

    def policy(self, lambda_tok: float, lambda_lat: float = 0.0) -> LoopPolicy:
        """The best decisions in all states, as `decide` takes them one by one; whatever the prices,
        somebody is asked."""
        one = self.problems[0]
        usd, seconds = self.bills
        price = call_prices(usd, seconds, lambda_tok, lambda_lat)
        tree, by_horizon = self.weights.tree, {}
        end, who = ends(self.weights, self.problems, lambda_tok, lambda_lat)
        last = [np.where(reader < 0, STOP, STOP - 1 - reader) for reader in who]
        choice, value = [], np.zeros(len(self.problems))
        pair = np.full((len(self.problems), 2), STOP)
        for n in range(len(tree.levels)):
            horizon = one.horizon(n)
            if horizon == n:
                choice.append(last[n])
                continue
            if horizon not in by_horizon:
                by_horizon[horizon] = backward(self.weights, price, n + 1, horizon, end)
            values = by_horizon[horizon]  # from the horizon down
            beyond = values[horizon - n - 1]
            ask = ask_values(tree.levels[n], self.weights.total[n], price, beyond)
            best, at_best = ask.argmax(2), ask.max(2)
            asks = at_best > end[n] if n else np.isfinite(at_best)
            choice.append(np.where(asks, best, last[n]))
            if n == 0:
                value = at_best[:, 0]
                if lambda_lat > 0 and horizon >= 2 and one.parallel:
                    pair = self._pairs(values[horizon - 2], price, lambda_lat, value)
        return LoopPolicy(tuple(choice), pair, value)

    def _pairs(self, after_two: Array, price: Array, lambda_lat: float, lone: Array) -> Index:
        together = pair_values(self.weights, after_two, price, lambda_lat * self.bills[1])
        flat = together.reshape(len(together), -1)
        best = flat.argmax(1)
        m = price.shape[1]
        pairs = np.stack([best // m, best % m], 1)
        better = flat.max(1) > lone + 1e-12
        out: Index = np.where(better[:, None], pairs, STOP)
        return out


def pair_values(weights: TreeWeights, after_two: Array, price: Array, wait: Array) -> Array:
    """−λ_tok (c_i + c_j) − λ_lat max(t_i, t_j) + E V after both, for i < j, `[Q, M, M]`.

    Args:
        weights: of the questions.
        after_two: U of the states of two answers, `[Q, S]`.
        price: of a call, `[Q, M]`.
        wait: λ_lat t, `[Q, M]`.
    """
    first, second = weights.tree.levels[0].following[0], weights.tree.levels[1].following
    padded = np.concatenate([after_two, np.zeros((len(after_two), 1))], 1)
    m = price.shape[1]
    out = np.full((len(price), m, m), -np.inf)
    for i in range(m):
        states = first[i][first[i] < len(second)]
        for j in range(i + 1, m):
            expected = padded[:, second[states, j]].sum((1, 2))
            saved = np.minimum(wait[:, i], wait[:, j])
            out[:, i, j] = expected - price[:, i] - price[:, j] + saved
    return out


def batches(problems: Sequence[LoopProblem], size: int = CHUNK) -> list[tuple[Index, LoopBatch]]:
    """Questions of the same form together, at most `size` of them, with their indices."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for i, p in enumerate(problems):
        readers = 0 if p.readers is None else len(p.readers)
        form = (len(p), p.calls, p.bins, p.keys, p.depths, p.parallel, readers)
        groups.setdefault(form, []).append(i)
    return [
        (np.array(rows[a : a + size]), LoopBatch(tuple(problems[i] for i in rows[a : a + size])))
        for rows in groups.values()
        for a in range(0, len(rows), size)
    ]
