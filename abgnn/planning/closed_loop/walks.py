"""`Walks`: what asking LLM after LLM comes to on questions whose answers are all known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from abgnn.data.arrays import Array, Index
from abgnn.planning.closed_loop.answer_table import NO_KEY, AnswerTable
from abgnn.planning.closed_loop.batch import STOP, LoopBatch
from abgnn.planning.closed_loop.problem import Asked, LoopProblem

_NOT_YET = -2


class Chooses(Protocol):
    """A rule of deciding for the questions of a batch; `LoopPolicy` is one.

    `pair`: two LLMs to ask at once at the start, `[Q, 2]`; −1: one after the other.
    """

    @property
    def pair(self) -> Index: ...

    def choose(self, n: int, rows: Index, states: Index) -> Index:
        """LLM to ask after n answers, −1 to stop, of questions in states, `[R]` each."""
        ...


@dataclass(frozen=True)
class Answers:
    """Of the candidates of one question: key codes, scores, bills and forms, `[M]` each."""

    key: Index
    right: Array
    usd: Array
    seconds: Array
    form: Index
    llm: Index

    @classmethod
    def of(cls, table: AnswerTable, q: int, problem: LoopProblem) -> Answers:
        at = np.array([table.llms.index(name) for name in problem.names])
        form = np.full(len(at), NO_KEY) if table.forms is None else table.forms[q, at]
        key, right = table.keys[q, at], table.right[q, at]
        return cls(key, right, table.usd[q, at], table.seconds[q, at], form, at)

    def __call__(self, llm: int) -> Asked:
        """The LLM's answer."""
        key, form = int(self.key[llm]), int(self.form[llm])
        return Asked(llm, None if key == NO_KEY else key, None if form < 0 else form)


@dataclass(frozen=True, eq=False)
class Walks:
    """Questions of a batch beside their answers. What depends only on who has answered is found
    once, at the first walk that comes by.

    Args:
        batch: whose posterior says which answer stands.
        answers: of every question.
    """

    batch: LoopBatch
    answers: Sequence[Answers]

    @cached_property
    def _bills(self) -> tuple[Array, Array]:
        usd, seconds = ([getattr(a, of) for a in self.answers] for of in ("usd", "seconds"))
        return np.array(usd), np.array(seconds)

    @cached_property
    def _state(self) -> Index:
        """By bits of who has answered, `[Q, 2^M]`."""
        return np.full((len(self.answers), 1 << len(self.batch.problems[0])), _NOT_YET)

    @cached_property
    def _stands(self) -> tuple[Index, Array]:
        """Whose answer stands, and P(right), `[Q, 2^M]` each."""
        return np.full(self._state.shape, _NOT_YET), np.zeros(self._state.shape)

    def __call__(self, rule: Chooses) -> Array:
        """Right, USD, seconds, calls, P(right), and whose answer stood as an index in the table
        (−1: nobody was asked), `[6, Q]`."""
        q, (usd, seconds) = len(self.answers), self._bills
        bits, n, stopped = np.zeros((3, q), dtype=np.int64)
        out = np.zeros((6, q))
        pairs = np.flatnonzero(rule.pair[:, 0] != STOP)
        if len(pairs):
            first, second = rule.pair[pairs].T
            out[1, pairs] = usd[pairs, first] + usd[pairs, second]
            out[2, pairs] = np.maximum(seconds[pairs, first], seconds[pairs, second])
            bits[pairs], n[pairs] = (1 << first) | (1 << second), 2
        for level in range(len(self.batch.weights.tree.levels)):
            rows = np.flatnonzero((n == level) & (stopped == 0))
            if not len(rows):
                continue
            chosen = rule.choose(level, rows, self.states(rows, bits[rows]))
            stopped[rows[chosen == STOP]] = 1
            rows, m = rows[chosen != STOP], chosen[chosen != STOP]
            out[1, rows] += usd[rows, m]
            out[2, rows] += seconds[rows, m]
            bits[rows] |= 1 << m
            n[rows] += 1
        out[3] = n
        return self._settled(out, bits, n)

    def states(self, rows: Index, bits: Index) -> Index:
        """Of questions after LLMs have answered, `[R]` each."""
        for i in np.flatnonzero(self._state[rows, bits] == _NOT_YET):
            row, of = int(rows[i]), int(bits[i])
            known = self.answers[row]
            asked = [known(m) for m in _members(of)]
            self._state[row, of] = self.batch.problems[row].place(asked)
        found: Index = self._state[rows, bits]
        return found

    def _settled(self, out: Array, bits: Index, n: Index) -> Array:
        rows = np.arange(len(bits))
        who, probability = self._stands
        for row in np.flatnonzero((who[rows, bits] == _NOT_YET) & (n > 0)).tolist():
            asked, state = _members(int(bits[row])), self._state[row, bits[row]]
            of = self.batch, self.batch.problems[row], self.answers[row]
            stands = answer_of(*of, asked, row, int(state))
            who[row, bits[row]], probability[row, bits[row]] = stands
        out[5] = STOP
        for row in np.flatnonzero(n > 0).tolist():
            known, m = self.answers[row], who[row, bits[row]]
            out[[0, 4, 5], row] = known.right[m], probability[row, bits[row]], known.llm[m]
        return out


def _members(bits: int) -> list[int]:
    return [m for m in range(bits.bit_length()) if bits >> m & 1]


def answer_of(
    batch: LoopBatch,
    problem: LoopProblem,
    known: Answers,
    asked: Sequence[int],
    row: int,
    state: int,
) -> tuple[int, float]:
    """Whose answer stands, and P(right): the ablest that gave the most probable key."""
    n = len(asked)
    groups: dict[object, list[int]] = {}
    for m in sorted(asked, key=lambda m: problem.column(known(m))):
        key = known(m).key if problem.keys else m
        if key is not None:
            groups.setdefault(key, []).append(m)
    z = max(float(batch.weights.total[n][row, state]), 1e-300)
    if not groups:
        return max(asked, key=lambda m: problem.accuracy[m]), 0.0
    best = int(batch.weights.joint[n][row, state, 1 : 1 + len(groups)].argmax())
    llm = max(list(groups.values())[best], key=lambda m: problem.accuracy[m])
    return llm, float(batch.weights.stop[n][row, state]) / z
