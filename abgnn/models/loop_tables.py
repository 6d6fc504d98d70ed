"""From values of all states to the table of a program: the states that its decisions lead to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

from abgnn.data.arrays import Index
from abgnn.models.loop_values import NetBatch, StateValues
from abgnn.models.programs.tabled_loop import LoopCell, state_name
from abgnn.planning.closed_loop.answer_tree import AnswerTree, State, answer_tree
from abgnn.planning.closed_loop.batch import STOP
from abgnn.planning.closed_loop.problem import LoopProblem

Place = tuple[int, int]
"""Level, and index of a state in it."""


@dataclass(frozen=True, eq=False)
class Decided:
    """Decisions about one question.

    Args:
        batch: whose question `row` it is.
        values: of the batch.
        choice: of every state, by level, `[S]`; −1: stop.
        pair: asked at once at the start; −1: nobody is.
    """

    batch: NetBatch
    row: int
    values: StateValues
    choice: tuple[Index, ...]
    pair: Index

    @property
    def problem(self) -> LoopProblem:
        return self.batch.problems[self.row]

    @property
    def tree(self) -> AnswerTree:
        return self.batch.states.tree

    def reached(self) -> list[Place]:
        """States that the decisions lead to, the start first."""
        out: list[Place] = [(0, 0)]
        seen = set(out)
        for n, s in out:  # which grows
            asks = self.asks(n, s)
            states = [s]
            for step, m in enumerate(asks):
                level = self.tree.levels[n + step]
                after = np.unique(level.following[states, m])
                states = after[after < len(self.tree.levels[n + step + 1].llms)].tolist()
            new = [(n + len(asks), int(t)) for t in states if asks]
            out += [place for place in new if place not in seen]
            seen.update(new)
        return out

    def asks(self, n: int, s: int) -> tuple[int, ...]:
        """Who is asked next."""
        if n == 0 and self.pair[0] != STOP:
            return int(self.pair[0]), int(self.pair[1])
        m = int(self.choice[n][s])
        return () if m == STOP else (m,)

    def table(self) -> list[LoopCell]:
        """Of the states that are reached."""
        names = _states(*self._key)
        return [self._cell(n, s, names[n][s]) for n, s in self.reached()]

    @property
    def _key(self) -> tuple[int, int, int, bool]:
        one = self.problem
        return len(one), one.calls, one.bins, one.keys

    def _cell(self, n: int, s: int, state: State) -> LoopCell:
        values = self.values.choice[n][self.row, s].detach().numpy()
        ask = tuple(float(v) if np.isfinite(v) else None for v in values[1:])
        p = self.batch.weights.stop[n][self.row, s] / max(
            float(self.batch.weights.total[n][self.row, s]), 1e-300
        )
        answer = self._answer(n, s, state)
        return LoopCell(state_name(state), answer, float(p), float(p), ask, self.asks(n, s))

    def _answer(self, n: int, s: int, state: State) -> int:
        """The ablest agent that gave the most probable key; −1: nobody has answered."""
        if not n:
            return -1
        groups: dict[int, list[int]] = {}
        for column, group in state:
            groups.setdefault(group, []).append(int(self.tree.llm[column]))
        silent = groups.pop(-1, [])
        members = silent
        if groups:
            joint = self.batch.weights.joint[n][self.row, s, 1 : 1 + len(groups)]
            members = groups[int(joint.argmax())]
        return max(members, key=lambda m: float(self.problem.accuracy[m]))


@cache
def _states(llms: int, calls: int, bins: int, keys: bool) -> tuple[tuple[State, ...], ...]:
    """Of the tree of these arguments, by level."""
    levels: list[list[State]] = [[] for _ in range(calls + 1)]
    for state in answer_tree(llms, calls, bins, keys).index:  # in order
        levels[len(state)].append(state)
    return tuple(tuple(level) for level in levels)


def sampled(choices: Sequence[torch.Tensor]) -> tuple[Index, ...]:
    """One decision per state from log-probabilities by level `[S, 1 + M]`; −1: stop."""
    out = []
    for log_prob in choices:
        gumbel = -torch.empty_like(log_prob).exponential_().log()
        out.append((log_prob.detach() + gumbel).argmax(1).numpy() - 1)
    return tuple(out)


def log_policy(values: StateValues, temperature: float) -> list[torch.Tensor]:
    """log p of stopping and of asking each LLM, by level, `[Q, S, 1 + M]`."""
    return [torch.log_softmax(v / temperature, 2) for v in values.choice]


def rows_of(choice: Sequence[Index], row: int) -> tuple[Index, ...]:
    """Of one question, from `[Q, S]` by level."""
    return tuple(level[row] for level in choice)
