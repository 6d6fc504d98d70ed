"""What every stop and every further ask would have come to, of questions whose answers are known.

No call is made: a state of a question is the set of LLMs that have answered, and what each of them
answers is in the calibration.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import TypeVar

import numpy as np

from abgnn.data.arrays import Array, Index, Mask
from abgnn.errors import ConfigError
from abgnn.planning.closed_loop.batch import STOP, LoopBatch, LoopPolicy
from abgnn.planning.closed_loop.problem import LoopProblem
from abgnn.planning.closed_loop.tree_values import TreeWeights
from abgnn.planning.closed_loop.walks import Answers

Values = TypeVar("Values", Array, Index)


@dataclass(frozen=True, eq=False)
class Counterfactual:
    """All U sets of up to the most calls of the M candidates of Q questions.

    Args:
        subsets: the sets, by size.
        following: the set with one LLM more, `[U, M]`; U where there is none.
        state: index of the answers, in the tree's level, `[Q, U]`.
        groups: how many different keys there are, `[Q, U]`.
        right: score of the ablest LLM of each group of equal answers, in the tree's order,
            `[Q, U, H]`; where no answer has a key, the first is that of the ablest LLM.
        usd, seconds: of each call, `[Q, M]`.
    """

    subsets: tuple[tuple[int, ...], ...]
    following: Index
    state: Index
    groups: Index
    right: Array
    usd: Array
    seconds: Array

    @classmethod
    def of(cls, batch: LoopBatch, answers: Sequence[Answers]) -> Counterfactual:
        """
        Args:
            batch: of the questions.
            answers: of all candidates to each of them.

        Raises:
            ConfigError: an LLM that has not answered.
        """
        right = np.stack([known.right for known in answers])  # [Q, M]
        if np.isnan(right).any():
            missing = f"{int(np.isnan(right).sum())} answers missing"
            raise ConfigError("answers", missing, "a complete calibration (--design complete)")
        one = batch.problems[0]
        subsets, following = _lattice(len(one), one.calls)
        state = np.zeros((len(answers), len(subsets)), dtype=np.int64)
        groups = np.zeros_like(state)
        scores = np.zeros((*state.shape, max(one.calls, 1)))
        for q, (problem, known) in enumerate(zip(batch.problems, answers, strict=True)):
            for u, asked in enumerate(subsets):
                state[q, u] = problem.place([known(m) for m in asked])
                row, groups[q, u] = _scores(problem, known, asked)
                scores[q, u, : len(row)] = row
        usd, seconds = (
            np.stack([getattr(known, name) for known in answers]) for name in ("usd", "seconds")
        )
        return cls(subsets, following, state, groups, scores, usd, seconds)

    @property
    def sizes(self) -> Index:
        """How many answers each set has, `[U]`."""
        return np.array([len(asked) for asked in self.subsets])

    def rows(self, n: int) -> Index:
        """Sets of n answers."""
        rows: Index = np.flatnonzero(self.sizes == n)
        return rows

    def of_level(self, n: int, values: Values) -> Values:
        """What each question's states of n answers have, from values of all states `[Q, S, …]`."""
        out: Values = values[np.arange(len(self.state))[:, None], self.state[:, self.rows(n)]]
        return out

    def stop(self, weights: TreeWeights) -> Array:
        """Score of the answer that would stand, `[Q, U]`."""
        out = np.zeros(self.state.shape)
        for n in range(1, len(weights.joint)):
            best = self.of_level(n, weights.joint[n][:, :, 1:]).argmax(2)
            rows = self.rows(n)
            out[:, rows] = np.take_along_axis(self.right[:, rows], best[:, :, None], 2)[:, :, 0]
        return out


@dataclass(frozen=True, eq=False)
class Exact:
    """Returns: score less what the calls still to be made cost, under a policy.

    Args:
        stop: of stopping in each set, `[Q, U]`.
        ask: of asking each LLM and following the policy from there, `[Q, U, M]`; −∞ for those that
            have answered or cannot be asked.
        start: of the whole policy, a parallel start included, `[Q]`.
        visited: sets in which the policy decides, `[Q, U]`.
    """

    stop: Array
    ask: Array
    start: Array
    visited: Mask


def exact_values(
    known: Counterfactual,
    weights: TreeWeights,
    policy: LoopPolicy,
    lambda_tok: float,
    lambda_lat: float = 0.0,
) -> Exact:
    r"""Exact counterfactual returns, from the largest sets down.

    .. math:: G_{stop}(S) = y_{m(S)}, \quad
        G_m(S) = -\lambda_{tok} c_m - \lambda_{lat} t_m + G_{\pi(S \cup m)}(S \cup m)

    Args:
        known: the questions.
        weights: whose most probable key stands.
        policy: π.
        lambda_tok, lambda_lat: prices, which the recorded bills are multiplied by.
    """
    stop = known.stop(weights)
    bill = lambda_tok * known.usd + lambda_lat * known.seconds  # [Q, M]
    worth, ask = stop.copy(), np.full((*stop.shape, bill.shape[1]), -np.inf)
    for n in range(len(policy.choice) - 1, -1, -1):
        rows = known.rows(n)
        beyond = np.concatenate([worth, np.full((len(worth), 1), -np.inf)], 1)
        ask[:, rows] = beyond[:, known.following[rows]] - bill[:, None]
        choice = known.of_level(n, policy.choice[n])  # [Q, u]
        asked = np.take_along_axis(ask[:, rows], np.maximum(choice, 0)[:, :, None], 2)[:, :, 0]
        worth[:, rows] = np.where(choice == STOP, stop[:, rows], asked)
    visited = _visited(known, policy)
    return Exact(stop, ask, _start(known, policy, worth, bill, lambda_lat), visited)


def _start(
    known: Counterfactual, policy: LoopPolicy, worth: Array, bill: Array, lambda_lat: float
) -> Array:
    start = worth[:, 0].copy()
    for q in np.flatnonzero(policy.pair[:, 0] != STOP):
        i, j = policy.pair[q]
        saved = lambda_lat * min(known.seconds[q, i], known.seconds[q, j])
        both = known.following[known.following[0, i], j]
        start[q] = worth[q, both] - bill[q, i] - bill[q, j] + saved
    return start


def _visited(known: Counterfactual, policy: LoopPolicy) -> Mask:
    visited = np.zeros(known.state.shape, dtype=bool)
    for q in range(len(visited)):
        at = 0
        if policy.pair[q, 0] != STOP:
            i, j = policy.pair[q]
            at = int(known.following[known.following[0, i], j])
        while True:
            visited[q, at] = True
            m = int(policy.choice[len(known.subsets[at])][q, known.state[q, at]])
            if m == STOP:
                break
            at = int(known.following[at, m])
    return visited


@cache
def _lattice(llms: int, calls: int) -> tuple[tuple[tuple[int, ...], ...], Index]:
    """Sets by size, and where one LLM more leads, `[U, M]`."""
    subsets = tuple(s for n in range(calls + 1) for s in combinations(range(llms), n))
    place = {asked: u for u, asked in enumerate(subsets)}
    following = np.full((len(subsets), llms), len(subsets))
    for u, asked in enumerate(subsets):
        for m in set(range(llms)) - set(asked):
            following[u, m] = place.get(tuple(sorted((*asked, m))), len(subsets))
    return subsets, following


def _scores(problem: LoopProblem, known: Answers, asked: Sequence[int]) -> tuple[list[float], int]:
    """Score of the ablest LLM of each group, and how many groups there are."""
    members: dict[object, list[int]] = {}
    for m in sorted(asked, key=lambda m: problem.column(known(m))):
        key = known(m).key if problem.keys else m
        if key is not None:
            members.setdefault(key, []).append(m)
    of = list(members.values()) or ([list(asked)] if asked else [])
    scores = [float(known.right[max(g, key=lambda m: problem.accuracy[m])]) for g in of]
    return scores, len(members)
