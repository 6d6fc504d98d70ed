"""Weights of all states of an answer tree, and the values of stopping and asking in them.

Values are multiplied by the probability Z of their state: then an expectation over answers is a
sum, U(s) = max{U_0(s), max_m [−price_m Z(s) + Σ_o U(s after o)]}, and V = U / Z.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from abgnn.data.arrays import Array
from abgnn.planning.closed_loop.answer_tree import AnswerTree, Level
from abgnn.planning.closed_loop.problem import LoopProblem

_TINY = 1e-300


@dataclass(frozen=True)
class TreeWeights:
    """Of Q questions with one tree.

    Args:
        tree: theirs.
        joint: P(answers of the state, and h), by level, `[Q, S, 1 + H]`.
        total: Z, P(answers of the state), by level, `[Q, S]`.
        stop: U_0, by level, `[Q, S]`.
    """

    tree: AnswerTree
    joint: tuple[Array, ...]
    total: tuple[Array, ...]
    stop: tuple[Array, ...]


def tree_weights(problems: Sequence[LoopProblem]) -> TreeWeights:
    """Of problems with the same numbers of LLMs, calls and bins."""
    tree, keys = problems[0].tree, problems[0].keys
    pair = np.stack([_pair_weights(tree, problem) for problem in problems])  # [Q, P]
    pattern = np.stack([_pattern_weights(tree, problem, keys) for problem in problems])
    final = np.array([problem.final for problem in problems])  # [Q, 2]
    joint, total, stop = [], [], []
    for level in tree.levels:
        weight = pair[:, level.pair] * pattern[:, level.pattern]  # [Q, S, 1 + H]
        z = weight.sum(2) if keys else weight[:, :, 0]
        best = weight[:, :, 1:].max(2, initial=0.0)
        joint.append(weight)
        total.append(z)
        stop.append(_calibrated(best, z, final))
    return TreeWeights(tree, tuple(joint), tuple(total), tuple(stop))


def _pair_weights(tree: AnswerTree, problem: LoopProblem) -> Array:
    """Σ_k w_k Π over right answers P(right | k) Π over the others P(wrong | k), `[P]`."""
    right, wrong, weights = problem.columns
    both = np.stack([wrong, right])  # [2, C, N]
    node = np.empty((len(tree.growth), len(weights)))
    node[0] = weights
    for start, end in tree.pair_levels:
        parent, column, is_right = tree.growth[start:end].T
        node[start:end] = node[parent] * both[is_right, column]
    out: Array = node.sum(1)
    return out


def _pattern_weights(tree: AnswerTree, problem: LoopProblem, keys: bool) -> Array:
    """τ of every pattern, `[patterns]`; 0 for no hypothesis."""
    real = [problem.model.pattern(p) if keys else 1.0 for p in tree.patterns[:-1]]
    return np.array([*real, 0.0])


def _calibrated(best: Array, z: Array, final: Array) -> Array:
    """Z σ(a logit(best / Z) + b)."""
    if (final == (1.0, 0.0)).all():
        return best
    p = np.clip(best / np.maximum(z, _TINY), 1e-6, 1 - 1e-6)
    out: Array = np.where(best > 0, z * expit(final[:, :1] * logit(p) + final[:, 1:]), 0.0)
    return out


def ask_values(level: Level, total: Array, price: Array, beyond: Array) -> Array:
    """Z × the value of asking each LLM, `[Q, S, M]`; −∞ for those that have answered.

    Args:
        level: of the states.
        total: Z, `[Q, S]`.
        price: of a call, `[Q, M]`; ∞ where an LLM cannot be asked.
        beyond: U of the next level's states, `[Q, S']`.
    """
    padded = np.concatenate([beyond, np.zeros((len(beyond), 1))], 1)
    expected = padded[:, level.following].sum(3)  # [Q, S, M]
    cost = price[:, None] * np.maximum(total, _TINY)[:, :, None]
    out: Array = np.where(level.llms.astype(bool), -np.inf, expected - cost)
    return out


def backward(weights: TreeWeights, price: Array, start: int, horizon: int) -> list[Array]:
    """U of the levels from `horizon` down to `start`, `[Q, S]` each, in this order."""
    values = [weights.stop[horizon]]
    for n in range(horizon - 1, start - 1, -1):
        ask = ask_values(weights.tree.levels[n], weights.total[n], price, values[-1])
        values.append(np.maximum(weights.stop[n], ask.max(2)))
    return values
