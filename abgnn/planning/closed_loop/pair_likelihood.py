"""How likely pairs of answers are: both right, one right, the same wrong key, two wrong keys.

Pairs are all that a loop of few calls goes by. A likelihood of whole rows of a table would be that
of a one-factor model, which real LLMs follow only roughly: it trusts agreement too much.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, product

import numpy as np

from abgnn.data.arrays import Array, Index, Mask
from abgnn.planning.closed_loop.answer_model import OPEN, AnswerModel
from abgnn.planning.closed_loop.answer_table import NO_KEY, AnswerTable

SPREADS = np.geomspace(0.3, 3.0, 10)
ATTRACTIONS = np.linspace(0.0, 0.9, 10)
DEADS = (0.0, 0.03, 0.08)
MISLED = (0.0, 0.03, 0.08)
SHARED = (0.0, 0.3, 0.6, 0.9)
FAMILIES = (0.0, 0.4, 0.8, 1.2)
LEAST_THERE = 0.5
"""Of the candidates' answers, for their pairs alone to be compared."""
_FLOOR, _KINDS = 1e-6, 5
Grid = tuple[Array, tuple[float, ...], tuple[float, ...], tuple[float, ...], Array]


@dataclass(frozen=True)
class Pairs:
    """Of those that have answered each question.

    Args:
        first, second: places of the two among them, `[P]`.
        kind: 0 both right, 1 one of them, 2 the same wrong key, 3 two wrong keys, 4 both wrong,
            and not both with a key: how often there is none is told apart, `[n, P]`.
        weight: 1/(answers − 1), 0 where one of them is missing, `[n, P]`.
    """

    first: Index
    second: Index
    kind: Index
    weight: Array

    @classmethod
    def of(cls, right: Array, keys: Index) -> Pairs:
        """From scores and keys, `[n, C]` each; nan where an answer is missing."""
        answered = ~np.isnan(right)
        places = np.array(list(combinations(range(right.shape[1]), 2)), dtype=np.int64)
        i, j = places.reshape(-1, 2).T
        y = np.nan_to_num(right) >= 0.5
        two_keys = (keys[:, i] != NO_KEY) & (keys[:, j] != NO_KEY)
        wrong = ~y[:, i] & ~y[:, j]
        both_wrong = np.where(two_keys, np.where(keys[:, i] == keys[:, j], 2, 3), 4)
        kind = np.where(y[:, i] & y[:, j], 0, np.where(wrong, both_wrong, 1))
        both = answered[:, i] & answered[:, j]
        weight = both / np.maximum(answered.sum(1, keepdims=True) - 1, 1)
        return cls(i, j, kind, weight)

    @cached_property
    def places(self) -> list[tuple[Index, Index]]:
        """Questions and pairs of each kind whose answers are there."""
        found = [np.nonzero((self.kind == kind) & (self.weight > 0)) for kind in range(_KINDS)]
        return [(q, p) for q, p in found]


def pair_likelihoods(
    table: AnswerTable, accuracy: Array, chosen: Mapping[str, Sequence[int]]
) -> dict[str, Array]:
    """log P(pairs of answers) of every task, `[D, F, U, X, S, A]`.

    The pairs are the candidates' where these have answered. Where most of their answers are
    missing, as after committees, which ask a few of very many agents, two candidates hardly ever
    answer the same question: then the pairs are all agents'.

    D, F, U, X, S, A: places on the grids of dead share, family luck, misled share, κ, spread and
    attraction; F is 1 where no two candidates are of one family.
    """
    names = np.array(table.family_of)
    lucky = any(len(set(names[list(at)])) < len(at) for at in chosen.values())
    of = np.array(table.tasks)
    out = {}
    for task in dict.fromkeys(table.tasks):
        rows = np.flatnonzero(of == task)
        who = _who(table.answered[rows], chosen[task])  # [n, C]
        at = rows[:, None], who
        pairs = Pairs.of(table.right[at], table.keys[at])
        same = names[who][:, pairs.first] == names[who][:, pairs.second]
        k = np.where(table.options[rows] == 0, OPEN, table.options[rows])
        lucks = FAMILIES if lucky else FAMILIES[:1]
        out[task] = _on_grid(pairs, accuracy[at], same, k - 1.0, lucks)
    return out


def _who(answered: Mask, candidates: Sequence[int]) -> Index:
    """Whose answers to each question are compared, `[n, C]`; some of them may be missing."""
    at = np.array(candidates, dtype=np.int64)
    if answered[:, at].mean() >= LEAST_THERE:
        return np.repeat(at[None], len(answered), 0)
    first = np.argsort(~answered, axis=1, kind="stable")
    return first[:, : max(int(answered.sum(1).max()), 1)]


def _on_grid(
    pairs: Pairs, accuracy: Array, same: Mask, wrong: Array, lucks: Sequence[float]
) -> Array:
    shape = (len(DEADS), len(lucks), len(MISLED), len(SHARED), len(SPREADS), len(ATTRACTIONS))
    out = np.zeros(shape)
    if not pairs.first.size:
        return out
    agree = [_agreement(pairs, accuracy, wrong, kappa) for kappa in SHARED]  # [n, P, A] each
    for d, f, u, s in product(range(shape[0]), range(shape[1]), range(shape[2]), range(shape[4])):
        model = AnswerModel(float(SPREADS[s]), DEADS[d], family=lucks[f], misled=MISLED[u])
        two, one = both_right(model, accuracy, wrong, pairs, same)  # [n, P]
        for x, same_key in enumerate(agree):
            out[d, f, u, x, s] = _of_kinds(two, one, same_key, wrong, model.misled, pairs)
    return out


def _agreement(pairs: Pairs, accuracy: Array, wrong: Array, kappa: float) -> Array:
    r"""P(the same wrong key | both wrong), at every attraction, `[n, P, A]`.

    .. math:: (\alpha_i + lo_i)(\alpha_j + lo_j) + (W - 1)\, lo_i\, lo_j
    """
    alpha = np.stack(
        [AnswerModel(attraction=float(a), shared=kappa).attractions(accuracy) for a in ATTRACTIONS],
        -1,
    )  # [n, m, A]
    low = (1 - alpha) / wrong[:, None, None]
    high, i, j = alpha + low, pairs.first, pairs.second
    out: Array = high[:, i] * high[:, j] + (wrong[:, None, None] - 1) * low[:, i] * low[:, j]
    return out


def both_right(
    model: AnswerModel, accuracy: Array, wrong: Array, pairs: Pairs, same: Mask
) -> tuple[Array, Array]:
    """P(both name the accepted answer) and P(one of them does), `[n, P]` each; `same`: whether
    the two are of one family, `[n, P]`."""
    n, m = accuracy.shape
    options = wrong[:, None] + 1
    accepted = model.accepted(accuracy, options)
    nodes = model.accepted_nodes(accepted.ravel()).reshape(n, m, -1)  # [n, m, 8]
    mean = nodes @ model.weights  # [n, m]
    two = np.einsum("npk,npk,k->np", nodes[:, pairs.first], nodes[:, pairs.second], model.weights)
    if model.family and same.any():
        luck, luck_weights = model.luck_nodes(accepted)  # [n, m, 8, L]
        rows, at = np.nonzero(same)
        i, j = luck[rows, pairs.first[at]], luck[rows, pairs.second[at]]
        two[rows, at] = np.einsum("pkl,pkl,k,l->p", i, j, model.weights, luck_weights)
    return two, mean[:, pairs.first] + mean[:, pairs.second] - 2 * two


def _of_kinds(
    two: Array, one: Array, agree: Array, wrong: Array, misled: float, pairs: Pairs
) -> Array:
    """Log-likelihood at every attraction, `[A]`."""
    out = np.zeros(agree.shape[2])
    for kind, at in enumerate(pairs.places):
        given = two[at][:, None], one[at][:, None], agree[at], wrong[at[0], None]
        p = _chance(kind, *given, misled)
        out += pairs.weight[at] @ np.log(np.maximum(p, _FLOOR))
    return out


def _chance(kind: int, two: Array, one: Array, agree: Array, wrong: Array, misled: float) -> Array:
    """P(a pair of answers is of this kind), `[N, A]`.

    With probability μ the right answer is another one than all take for right, each of the others
    equally likely.

    Args:
        kind: of `Pairs`.
        two, one: P(both name the accepted answer), P(one of them does), `[N, 1]`.
        agree: P(the same wrong key | both wrong), `[N, A]`.
        wrong: W, `[N, 1]`.
        misled: μ.
    """
    none = 1 - two - one

    def both_right() -> Array:
        return (1 - misled) * two + misled * none * agree / wrong

    def one_right() -> Array:
        return (1 - misled) * one + misled * (one + 2 * none * (1 - agree)) / wrong

    def same_wrong() -> Array:
        away = two + none * agree * (wrong - 1) / wrong
        return (1 - misled) * none * agree + misled * away

    def both_wrong() -> Array:
        return 1 - both_right() - one_right()

    def two_wrong() -> Array:
        return both_wrong() - same_wrong()

    return (both_right, one_right, same_wrong, two_wrong, both_wrong)[kind]()
