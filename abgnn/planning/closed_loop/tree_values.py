"""Weights of all states of an answer tree, and the values of stopping and asking in them.

Values are multiplied by the probability Z of their state: then an expectation over answers is a
sum, U(s) = max{U_0(s), max_m [−price_m Z(s) + Σ_o U(s after o)]}, and V = U / Z.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

from abgnn.data.arrays import Array, Index
from abgnn.planning.closed_loop.answer_tree import AnswerTree, Level
from abgnn.planning.closed_loop.problem import LoopProblem

STANDS = -1
_TINY = 1e-300


@dataclass(frozen=True)
class TreeWeights:
    """Of Q questions with one tree.

    Args:
        tree: theirs.
        joint: P(answers of the state, and h), by level, `[Q, S, 1 + H]`.
        total: Z, P(answers of the state), by level, `[Q, S]`.
        stop: U_0, by level, `[Q, S]`.
        hand: Z × P(a reader of all answers is right), by level, `[Q, S, R]`; empty without readers.
    """

    tree: AnswerTree
    joint: tuple[Array, ...]
    total: tuple[Array, ...]
    stop: tuple[Array, ...]
    hand: tuple[Array, ...] = ()


def tree_weights(problems: Sequence[LoopProblem]) -> TreeWeights:
    """Of problems with the same numbers of LLMs, calls and bins."""
    tree, keys = problems[0].tree, problems[0].keys
    nodes = [_pair_nodes(tree, problem) for problem in problems]
    pair = np.stack([node.sum(1) for node in nodes])  # [Q, P]
    product = np.stack([_set_products(tree, problem) for problem in problems])  # [Q, G + 1]
    final = np.array([problem.final for problem in problems])  # [Q, 2]
    read = [_read(tree, p, n) for p, n in zip(problems, nodes, strict=True) if p.readers]
    reading = np.stack(read) if read else np.zeros((len(problems), 0, pair.shape[1]))  # [Q, R, P]
    joint, total, stop, hand = [], [], [], []
    for level in tree.levels:
        ways = _spread(level, product, problems) if keys else _there(level)
        weight = pair[:, level.pair] * ways  # [Q, S, 1 + H]
        z = weight.sum(2) if keys else weight[:, :, 0]
        best = _shown(weight[:, :, 1:].max(2, initial=0.0), z, problems)
        joint.append(weight)
        total.append(z)
        stop.append(_calibrated(best, z, final))
        if keys and read:
            hand.append(np.einsum("qrsh,qsh->qsr", reading[:, :, level.pair], ways))
    return TreeWeights(tree, tuple(joint), tuple(total), tuple(stop), tuple(hand))


def state_totals(problems: Sequence[LoopProblem], factors: Sequence[Array]) -> list[Array]:
    """Z × E(each factor | answers of the state), by level, `[Q, F, S]`.

    Args:
        problems: with one tree.
        factors: of every question by node, the luck of families aside, `[F, 8]` each.
    """
    tree, keys = problems[0].tree, problems[0].keys
    pairs = []
    for problem, factor in zip(problems, factors, strict=True):
        node = _pair_nodes(tree, problem)  # [P, N]
        pairs.append(np.repeat(factor, node.shape[1] // factor.shape[1], 1) @ node.T)
    pair = np.stack(pairs)  # [Q, F, P]
    product = np.stack([_set_products(tree, problem) for problem in problems])
    out = []
    for level in tree.levels:
        ways = _spread(level, product, problems)[:, None] if keys else _there(level)
        weight = pair[:, :, level.pair] * ways  # [Q, F, S, 1 + H]
        out.append(weight.sum(3) if keys else weight[..., 0])
    return out


def _there(level: Level) -> Array:
    """1 for hypotheses that a state has, `[S, 1 + H]`."""
    there: Array = (np.arange(level.pair.shape[1]) <= level.groups[:, None]).astype(float)
    return there


def _spread(level: Level, product: Array, problems: Sequence[LoopProblem]) -> Array:
    r"""How wrong answers fall into groups, beside lo of each of them, `[Q, S, 1 + H]`.

    .. math:: \tau_h = \frac{(W)_r}{W} \Big[\sum_{c \ne h} R_c + \max(0, W - r)\Big],
        \quad W = K - 1, \; r = \#\{c \ne h\}

    the product of all T along the way, in whatever order the answers came.
    """
    there = _there(level)
    wrong = (level.groups[:, None] - (np.arange(there.shape[1]) > 0)).clip(0)  # r, [S, 1 + H]
    each = product[:, level.group]  # R, [Q, S, H]
    others = each.sum(2, keepdims=True) - np.pad(each, ((0, 0), (0, 0), (1, 0)))
    most = int(wrong.max()) + 1
    ways = np.array([[p.model.labels(r) for r in range(most)] for p in problems])  # [Q, r]
    options = np.array([p.model.wrong_options for p in problems])
    unseen = np.maximum(options[:, None, None] - wrong, 0)
    silent = product[:, level.silent, None]
    out: Array = ways[:, wrong] * (others + unseen) * silent * there
    return out


def _set_products(tree: AnswerTree, problem: LoopProblem) -> Array:
    """R of every set of columns, what its answers without key add, and 0 for none, `[G + 1]`."""
    product = np.exp(tree.sets @ np.log(problem.pulls))
    return np.append(product, 0.0)


def _pair_nodes(tree: AnswerTree, problem: LoopProblem) -> Array:
    """w_k Π over right answers P(right | k) Π over the others P(wrong | k), `[P, N]`."""
    right, wrong, weights = problem.columns
    both = np.stack([wrong, right])  # [2, C, N]
    node = np.empty((len(tree.growth), len(weights)))
    node[0] = weights
    for start, end in tree.pair_levels:
        parent, column, is_right = tree.growth[start:end].T
        node[start:end] = node[parent] * both[is_right, column]
    return node


def _read(tree: AnswerTree, problem: LoopProblem, node: Array) -> Array:
    """Σ_k node × P(each reader is right | k, what it reads), `[R, P]`."""
    assert problem.readers is not None, "only for problems with readers"
    answers, right = pair_counts(tree)
    alone = problem.model.nodes(problem.readers.accuracy)  # [R, 8]
    alone = np.repeat(alone, node.shape[1] // alone.shape[1], 1)  # luck of families is another's
    out: Array = np.einsum("pk,rpk->rp", node, problem.readers.right(alone, answers, right))
    return out


def pair_counts(tree: AnswerTree) -> tuple[Index, Index]:
    """Answers and right ones of every pair, `[P]` each."""
    counts = np.zeros((2, len(tree.growth)), dtype=np.int64)
    for start, end in tree.pair_levels:
        parent, _, is_right = tree.growth[start:end].T
        counts[:, start:end] = counts[:, parent] + np.stack([np.ones_like(is_right), is_right])
    return counts[0], counts[1]


def ends(
    weights: TreeWeights, problems: Sequence[LoopProblem], lambda_tok: float, lambda_lat: float
) -> tuple[list[Array], list[Index]]:
    """Z × the value of giving an answer now, `[Q, S]` by level, and by whom: −1: what was
    answered stands, else a reader, `[Q, S]`."""
    if not weights.hand:
        return list(weights.stop), [np.full(of.shape, STANDS) for of in weights.stop]
    readers = [problem.readers for problem in problems if problem.readers is not None]
    price = np.stack([each.price(lambda_tok, lambda_lat) for each in readers])  # [Q, R, C + 1]
    values, who = [weights.stop[0]], [np.full(weights.stop[0].shape, STANDS)]
    for n in range(1, len(weights.stop)):
        best, reader = weights.stop[n], np.full(weights.stop[n].shape, STANDS)
        for r in range(price.shape[1]):  # over so few, `max` along an axis takes longer
            hand = weights.hand[n][:, :, r] - price[:, r, n, None] * weights.total[n]
            better = hand > best
            best, reader = np.where(better, hand, best), np.where(better, r, reader)
        values.append(best)
        who.append(reader)
    return values, who


def _shown(best: Array, z: Array, problems: Sequence[LoopProblem]) -> Array:
    """P(right) from P(the accepted answer), both times Z, `[Q, S]`; 0 where nothing was named."""
    models = [problem.model for problem in problems]
    if not any(model.misled for model in models):
        return best
    shown = np.stack([m.shown(b, t) for m, b, t in zip(models, best, z, strict=True)])
    out: Array = np.where(best > 0, shown, 0.0)
    return out


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
    expected = np.zeros((len(beyond), *level.following.shape[:2]))  # [Q, S, M]
    for answer in np.moveaxis(level.following, 2, 0):
        expected += padded[:, answer]
    cost = price[:, None] * np.maximum(total, _TINY)[:, :, None]
    out: Array = np.where(level.llms.astype(bool), -np.inf, expected - cost)
    return out


def backward(
    weights: TreeWeights, price: Array, start: int, horizon: int, end: Sequence[Array]
) -> list[Array]:
    """U of the levels from `horizon` down to `start`, `[Q, S]` each, in this order."""
    values = [end[horizon]]
    for n in range(horizon - 1, start - 1, -1):
        ask = ask_values(weights.tree.levels[n], weights.total[n], price, values[-1])
        values.append(np.maximum(end[n], ask.max(2)))
    return values
