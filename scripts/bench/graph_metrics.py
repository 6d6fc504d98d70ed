"""How much plans depend on questions, free of the bias of small samples; what a choice loses."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from abgnn.data.arrays import Array, Index


def numbers(values: Sequence[Hashable]) -> Index:
    """Equal numbers for equal values, from 0 in the order of their first places."""
    place = {value: i for i, value in enumerate(dict.fromkeys(values))}
    return np.array([place[value] for value in values], dtype=np.int64)


def mutual_information(a: Sequence[Hashable], b: Sequence[Hashable]) -> float:
    """Of the empirical distribution, in bits; too high in the mean."""
    x, y = numbers(a), numbers(b)
    joint = np.zeros((x.max() + 1, y.max() + 1))
    np.add.at(joint, (x, y), 1 / len(x))
    return _entropy(joint.sum(1)) + _entropy(joint.sum(0)) - _entropy(joint)


def corrected_information(
    a: Sequence[Hashable], b: Sequence[Hashable], draws: int = 200, seed: int = 0
) -> float:
    """Mutual information in bits, less what the same values have in a random order (a mean over
    permutations): 0 in the mean where a and b are independent."""
    rng, y = np.random.default_rng(seed), numbers(b)
    chance = [mutual_information(a, rng.permutation(y).tolist()) for _ in range(draws)]
    return mutual_information(a, b) - float(np.mean(chance))


def centred_rmse(wanted: Array, predicted: Array) -> float:
    """Of differences between columns, `[Q, D]`: every row's own mean is taken away."""
    away = predicted - wanted
    return float(np.sqrt(np.square(away - away.mean(1, keepdims=True)).mean()))


def regret(wanted: Array, predicted: Array) -> float:
    """What choosing a column by predictions loses against the best one, in the mean of rows."""
    rows = np.arange(len(wanted))
    return float((wanted.max(1) - wanted[rows, predicted.argmax(1)]).mean())


def _entropy(p: Array) -> float:
    kept = p[p > 0]
    return float(-(kept * np.log2(kept)).sum())
