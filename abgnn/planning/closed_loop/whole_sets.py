"""Cascade routing's rule: which set of LLMs is worth its price as a whole; numpy only."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from abgnn.data.arrays import Array
from abgnn.planning.closed_loop.batch import STOP, LoopBatch, LoopPolicy
from abgnn.planning.closed_loop.replay import Replay, Replayed
from abgnn.planning.closed_loop.tree_values import TreeWeights

_TINY = 1e-300
Sets = dict[tuple[int, tuple[int, ...]], Array]


def set_values(weights: TreeWeights, n: int, price: Array) -> Array:
    r"""Of asking each LLM next, as the cheapest of the best set with it, after n answers.

    .. math:: V_m = \max_{T \ni m} \Big[E\big[\max_{m' \in S \cup T} P(m' \text{ is right})\big]
        - \sum_{m' \in T} price_{m'}\Big]

    S are the LLMs that have answered, T others that would all be asked, whatever they say: nothing
    is expected to be saved by stopping before. As in `tree_values`, values are times Z.

    Args:
        weights: of Q questions.
        n: answers so far.
        price: of a call, `[Q, M]`; ∞ where an LLM cannot be asked.

    Returns:
        `[Q, S, M]`; −∞ for those that have answered.
    """
    level, total = weights.tree.levels[n], weights.total[n]
    answered = level.llms.astype(bool)  # [S, M]
    most, m = len(weights.tree.levels) - 1 - n, price.shape[1]
    out, kept = np.full((*total.shape, m), -np.inf), Sets()
    rows = np.arange(len(price))
    for size in range(1, most + 1):
        for chosen in combinations(range(m), size):
            cost = price[:, list(chosen)]  # [Q, |T|]
            paid = cost.sum(1)[:, None] * np.maximum(total, _TINY)
            value = _after(weights, n, chosen, kept) - paid
            value = np.where(answered[:, list(chosen)].any(1), -np.inf, value)
            first = np.array(chosen)[cost.argmin(1)]  # [Q]
            out[rows, :, first] = np.maximum(out[rows, :, first], value)
    return out


def _after(weights: TreeWeights, n: int, chosen: tuple[int, ...], kept: Sets) -> Array:
    """Z × E[the best answer's P(right)] after all of these have answered too, `[Q, S]`."""
    if not chosen:
        return weights.stop[n]
    if (n, chosen) not in kept:
        beyond = _after(weights, n + 1, chosen[1:], kept)
        padded = np.concatenate([beyond, np.zeros((len(beyond), 1))], 1)
        following = weights.tree.levels[n].following[:, chosen[0]]  # [S, O]
        kept[n, chosen] = padded[:, following].sum(2)
    return kept[n, chosen]


def set_policy(batch: LoopBatch, lambda_tok: float, lambda_lat: float = 0.0) -> LoopPolicy:
    """The rule in every state of a batch's questions; somebody is asked whatever the prices."""
    usd, seconds = batch.bills
    price, weights = lambda_tok * usd + lambda_lat * seconds, batch.weights
    choice, value = [], np.zeros(len(price))
    for n, stop in enumerate(weights.stop):
        if n + 1 == len(weights.stop):
            choice.append(np.full(stop.shape, STOP))
            break
        ask = set_values(weights, n, price)
        best = ask.max(2)
        choice.append(np.where(best > (stop if n else -np.inf), ask.argmax(2), STOP))
        value = value if n else best[:, 0]
    return LoopPolicy(tuple(choice), np.full((len(price), 2), STOP), value)


@dataclass(frozen=True, eq=False)
class SetReplay(Replay):
    """A replay under this rule."""

    def __call__(self, lambda_tok: float, lambda_lat: float = 0.0) -> Replayed:
        return self.under(lambda batch: set_policy(batch, lambda_tok, lambda_lat))
