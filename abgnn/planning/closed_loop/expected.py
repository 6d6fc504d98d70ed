"""What a closed loop is expected to come to before any answer: for calibrations with gaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from abgnn.data.arrays import Array, Index
from abgnn.planning.closed_loop.batch import STOP, LoopBatch, LoopPolicy, batches
from abgnn.planning.closed_loop.problem import LoopProblem
from abgnn.planning.closed_loop.replay import Replayed


@dataclass(frozen=True, eq=False)
class Expected:
    """A replay of questions whose answers are drawn from the answer model.

    Args:
        problems: of the questions.
    """

    problems: Sequence[LoopProblem]

    @cached_property
    def _batches(self) -> list[tuple[Index, LoopBatch]]:
        return batches(self.problems)

    def __call__(self, lambda_tok: float, lambda_lat: float = 0.0) -> Replayed:
        """Expected scores, bills and numbers of calls under prices."""
        out = np.zeros((4, len(self.problems)))
        for index, batch in self._batches:
            out[:, index] = expected_bills(batch, batch.policy(lambda_tok, lambda_lat))
        right, usd, seconds, calls = out
        nobody = np.full(len(right), STOP)
        return Replayed(right, usd, seconds, calls, right, nobody)


def expected_bills(batch: LoopBatch, policy: LoopPolicy) -> Array:
    r"""E right, E USD, E seconds, E calls: sums over the states that are reached, `[4, Q]`.

    .. math:: E\,usd = \sum_s P(s)\, c_{m(s)}(s), \quad
        E\,right = \sum_{s: stop} P(s) V_0(s)

    with bills c(s) by how hard such answers say that a question is.
    """
    weights, levels = batch.weights, batch.weights.tree.levels
    q = np.arange(len(batch.problems))
    reached = np.ones((len(q), 1), dtype=bool)
    out = np.zeros((4, len(q)))
    for n, level in enumerate(levels):
        choice = policy.choice[n]
        stops = reached & (choice == STOP)
        out[0] += (stops * weights.stop[n]).sum(1)
        for r in range(len(weights.hand) and weights.hand[n].shape[2]):
            hands = reached & (choice == STOP - 1 - r)
            out[0] += (hands * weights.hand[n][:, :, r]).sum(1)
            out[1:] += (hands * batch.read_bills[n][..., r]).sum(2)
        if n + 1 == len(levels):
            break
        after = np.zeros((len(q), weights.total[n + 1].shape[1] + 1), dtype=bool)
        for s in range(choice.shape[1]):
            asks = np.flatnonzero(reached[:, s] & (choice[:, s] >= 0))
            m = choice[asks, s]
            out[1:, asks] += batch.ask_bills[n][:, asks, s, m]
            after[asks[:, None], level.following[s, m]] = True
        reached = after[:, :-1]
    paired = q[policy.pair[:, 0] != STOP]
    if len(paired):
        _at_once(batch, policy, paired, out)
    return out


def _at_once(batch: LoopBatch, policy: LoopPolicy, rows: Index, out: Array) -> None:
    """Bills of questions that begin with two LLMs at once."""
    levels, weights = batch.weights.tree.levels, batch.weights
    usd, seconds = batch.bills
    for q in rows:
        i, j = policy.pair[q]
        firsts = levels[0].following[0, i]
        firsts = firsts[firsts < len(levels[1].llms)]
        states = np.unique(levels[1].following[firsts, j])
        total = np.zeros(4)
        total[1] = usd[q, i] + usd[q, j]
        total[2] = max(seconds[q, i], seconds[q, j])
        total[3] = 2.0
        _follow(batch, policy, int(q), 2, states[states < weights.total[2].shape[1]], total)
        out[:, q] = total


def _follow(
    batch: LoopBatch, policy: LoopPolicy, q: int, n: int, states: Index, total: Array
) -> None:
    """Adds what comes after these states of n answers."""
    weights = batch.weights
    choice = policy.choice[n][q, states]
    total[0] += weights.stop[n][q, states[choice == STOP]].sum()
    for s, r in zip(states, STOP - 1 - choice, strict=True):
        if r >= 0:
            total[0] += weights.hand[n][q, s, r]
            total[1:] += batch.read_bills[n][:, q, s, r]
    after: list[Index] = []
    for s, m in zip(states, choice, strict=True):
        if m >= 0:
            total[1:] += batch.ask_bills[n][:, q, s, m]
            after.append(weights.tree.levels[n].following[s, m])
    if after:
        beyond = np.unique(np.concatenate(after))
        beyond = beyond[beyond < weights.total[n + 1].shape[1]]
        _follow(batch, policy, q, n + 1, beyond, total)
