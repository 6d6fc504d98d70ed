"""From values of all states to the table of a program: the states that its decisions lead to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

from abgnn.data.arrays import Index
from abgnn.models.loop_values import NetBatch, StateValues
from abgnn.models.programs.tabled_loop import LoopCell, TabledLoopProgram, state_name
from abgnn.models.sampling import choose
from abgnn.planning.closed_loop.answer_tree import AnswerTree, State, answer_tree
from abgnn.planning.closed_loop.batch import STOP, LoopPolicy
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

    @classmethod
    def of(cls, batch: NetBatch, row: int, values: StateValues, policy: LoopPolicy) -> Decided:
        """What a policy decides."""
        choice = tuple(level[row] for level in policy.choice)
        return cls(batch, row, values, choice, policy.pair[row])

    @classmethod
    def drawn(
        cls,
        batch: NetBatch,
        row: int,
        values: StateValues,
        logs: Sequence[torch.Tensor],
        pair: Index,
    ) -> Decided:
        """Drawn in every state from log p, by level, `[Q, S, 1 + M]`."""
        draws = tuple(choose(level[row], sample=True).numpy() - 1 for level in logs)
        return cls(batch, row, values, draws, pair)

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

    def program(self) -> TabledLoopProgram:
        """These decisions as data."""
        return TabledLoopProgram.tabled(self.problem, self.table())

    def table(self) -> list[LoopCell]:
        """Of the states that are reached."""
        names = _states(len(self.problem), self.problem.calls)
        return [self._cell(n, s, names[n][s]) for n, s in self.reached()]

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
def _states(llms: int, calls: int) -> tuple[tuple[State, ...], ...]:
    """Of the tree of these arguments, by level."""
    levels: list[list[State]] = [[] for _ in range(calls + 1)]
    for state in answer_tree(llms, calls).index:  # in order
        levels[len(state)].append(state)
    return tuple(tuple(level) for level in levels)
