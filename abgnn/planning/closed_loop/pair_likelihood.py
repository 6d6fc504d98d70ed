"""How likely pairs of answers are: both right, one right, the same wrong key, two wrong keys.

Pairs are all that a loop of few calls goes by. A likelihood of whole rows of a table would be that
of a one-factor model, which real LLMs follow only roughly: it trusts agreement too much.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
_FLOOR = 1e-6
Grid = tuple[Array, tuple[float, ...], tuple[float, ...], tuple[float, ...], Array]


@dataclass(frozen=True)
class Pairs:
    """Of one question's candidates that have answered.

    Args:
        first, second: places of the two among the candidates, `[n, P]`.
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
        """From scores and keys of the candidates, `[n, C]` each; nan where one is missing."""
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


def pair_likelihoods(
    table: AnswerTable, accuracy: Array, chosen: Mapping[str, Sequence[int]]
) -> dict[str, Array]:
    """log P(pairs of the candidates' answers) of every task, `[D, F, U, X, S, A]`.

    D, F, U, X, S, A: places on the grids of dead share, family luck, misled share, κ, spread and
    attraction; F is 1 where no two candidates are of one family.
    """
    family_of = np.array(table.family_of)
    lucky = any(len(set(family_of[list(at)])) < len(at) for at in chosen.values())
    of = np.array(table.tasks)
    out = {}
    for task in dict.fromkeys(table.tasks):
        at, rows = list(chosen[task]), of == task
        parts = table.right[rows][:, at], table.keys[rows][:, at]
        pairs = Pairs.of(*parts)
        same = family_of[at][pairs.first] == family_of[at][pairs.second]
        k = np.where(table.options[rows] == 0, OPEN, table.options[rows])
        lucks = FAMILIES if lucky else FAMILIES[:1]
        out[task] = _on_grid(pairs, accuracy[rows][:, at], same, k - 1.0, lucks)
    return out


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
    """P(both name the accepted answer) and P(one of them does), `[n, P]` each."""
    n, m = accuracy.shape
    options = wrong[:, None] + 1
    accepted = model.accepted(accuracy, options)
    nodes = model.accepted_nodes(accepted.ravel()).reshape(n, m, -1)  # [n, m, 8]
    mean = nodes @ model.weights  # [n, m]
    two = np.einsum("npk,npk,k->np", nodes[:, pairs.first], nodes[:, pairs.second], model.weights)
    if model.family and same.any():
        luck, luck_weights = model.luck_nodes(accepted)  # [n, m, 8, L]
        i, j = luck[:, pairs.first[same]], luck[:, pairs.second[same]]
        two[:, same] = np.einsum("npkl,npkl,k,l->np", i, j, model.weights, luck_weights)
    return two, mean[:, pairs.first] + mean[:, pairs.second] - 2 * two


def _of_kinds(
    two: Array, one: Array, agree: Array, wrong: Array, misled: float, pairs: Pairs
) -> Array:
    """Log-likelihood at every attraction, `[A]`.

    With probability μ the right answer is another one than all take for right, each of the others
    equally likely.
    """
    two, one, wrong = two[..., None], one[..., None], wrong[:, None, None]
    none = 1 - two - one
    right = (1 - misled) * two + misled * none * agree / wrong
    equal = (1 - misled) * none * agree + misled * (two + none * agree * (wrong - 1) / wrong)
    single = (1 - misled) * one + misled * (one + 2 * none * (1 - agree)) / wrong
    wrong = 1 - right - single
    p = np.stack(np.broadcast_arrays(right, single, equal, wrong - equal, wrong))
    taken = np.take_along_axis(p, pairs.kind[None, :, :, None], 0)[0]  # [n, P, A]
    out: Array = np.einsum("npa,np->a", np.log(np.maximum(taken, _FLOOR)), pairs.weight)
    return out
