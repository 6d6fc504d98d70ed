"""`AnswerTree`: every way in which up to four LLMs can answer, as index tables.

Which answers are equal is all that matters of keys, and the order of answers does not: a state is a
set of answers and its partition into equal ones. Six LLMs have 1,168 states of up to four answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import combinations, pairwise, product

import numpy as np

from abgnn.data.arrays import Index

State = tuple[tuple[int, int], ...]
"""(column, group) of every answer, by column; groups numbered by first appearance, −1: no key."""


@dataclass(frozen=True)
class Level:
    """States of n answers.

    Args:
        pair: of every hypothesis, its (answers, right ones) pair, `[S, 1 + H]`; the first is that
            none of the answers is right, or, without keys, how likely the answers are.
        pattern: of every hypothesis, the group sizes of the wrong answers, an index of
            `AnswerTree.patterns`, `[S, 1 + H]`; the last pattern is that of no hypothesis.
        llms: which LLMs have answered, `[S, M]`.
        following: states of the next level after each LLM's answer, `[S, M, O]`; the last, one
            beyond the states, is none. Empty at the last level.
    """

    pair: Index
    pattern: Index
    llms: Index
    following: Index


@dataclass(frozen=True)
class AnswerTree:
    """
    Args:
        llm: of every column, a kind of answer of an LLM, `[C]`.
        keyed: whether the column's answers have a key, `[C]`.
        growth: of every pair but the first its parent, the column added, and whether that answer
            is right, `[P, 3]`; by levels.
        pair_levels: where each level's pairs begin and end.
        patterns: group sizes of wrong answers; the last one stands for "no hypothesis".
        levels: from no answer to the most.
        index: of every state in its level.
    """

    llm: Index
    keyed: tuple[bool, ...]
    growth: Index
    pair_levels: tuple[tuple[int, int], ...]
    patterns: tuple[tuple[int, ...], ...]
    levels: tuple[Level, ...]
    index: dict[State, int]

    def state(self, answers: list[tuple[int, object]]) -> int:
        """Index, in its level, of (column, key or None) answers in any order."""
        return self.index[canonical(answers)]


def canonical(answers: list[tuple[int, object]]) -> State:
    """(column, key or None) answers as a state."""
    groups: dict[object, int] = {}
    out = []
    for column, key in sorted(answers, key=lambda answer: answer[0]):
        group = -1 if key is None else groups.setdefault(key, len(groups))
        out.append((column, group))
    return tuple(out)


@cache
def answer_tree(llms: int, calls: int, bins: int = 1, keys: bool = True) -> AnswerTree:
    """
    Args:
        llms: M.
        calls: the most answers.
        bins: forms that an answer with a key can have.
        keys: whether answers can be compared; else each stands for itself, and every one of them
            may be right.
    """
    columns = [(m, True) for m in range(llms) for _ in range(bins)]
    columns += [(m, False) for m in range(llms)] if keys else []
    llm = np.array([m for m, _ in columns], dtype=np.int64)
    keyed = tuple(k for _, k in columns)
    pairs = _Pairs(keyed)
    patterns: dict[tuple[int, ...], int] = {}
    states = [
        [state for chosen in _choices(llm, n) for state in _partitions(chosen, keyed, keys)]
        for n in range(calls + 1)
    ]
    index = {state: i for level in states for i, state in enumerate(level)}
    hypotheses = [
        [_hypotheses(state, pairs, patterns, keys) for state in level] for level in states
    ]
    none = len(patterns)
    levels = tuple(
        Level(
            _padded([[pair for pair, _ in row] for row in rows], n + 1, 0),
            _padded([[pattern for _, pattern in row] for row in rows], n + 1, none),
            np.array([[m in {int(llm[c]) for c, _ in s} for m in range(llms)] for s in level],
                     dtype=np.int64).reshape(len(level), llms),
            _following(level, states[n + 1], llm, llms, keyed, keys, index)
            if n < calls else np.zeros((len(level), llms, 0), dtype=np.int64),
        )
        for n, (level, rows) in enumerate(zip(states, hypotheses, strict=True))
    )  # fmt: skip
    growth, pair_levels, order = pairs.by_level()
    levels = tuple(
        Level(order[level.pair], level.pattern, level.llms, level.following) for level in levels
    )
    return AnswerTree(llm, keyed, growth, pair_levels, (*patterns, ()), levels, index)


def _choices(llm: Index, n: int) -> Iterator[tuple[int, ...]]:
    """n columns of different LLMs."""
    llms = int(llm.max()) + 1
    of = [np.flatnonzero(llm == m).tolist() for m in range(llms)]
    for chosen in combinations(range(llms), n):
        for columns in product(*[of[m] for m in chosen]):
            yield tuple(sorted(columns))


def _partitions(chosen: tuple[int, ...], keyed: tuple[bool, ...], keys: bool) -> Iterator[State]:
    """All ways in which the answers can be equal."""
    partial: list[tuple[State, int]] = [((), 0)]
    for column in chosen:
        grown = []
        for state, groups in partial:
            if not keyed[column]:
                grown.append((((*state, (column, -1))), groups))
                continue
            labels = range(groups + 1) if keys else [groups]
            grown += [((*state, (column, g)), max(groups, g + 1)) for g in labels]
        partial = grown
    yield from (state for state, _ in partial)


class _Pairs:
    """Numbers of (answers, right ones) pairs, each grown from one without its last column."""

    def __init__(self, keyed: tuple[bool, ...]) -> None:
        self.keyed = keyed
        self.number: dict[tuple[tuple[int, ...], frozenset[int]], int] = {((), frozenset()): 0}
        self.rows: list[tuple[int, int, int]] = [(0, 0, 0)]

    def __call__(self, answers: tuple[int, ...], right: frozenset[int]) -> int:
        name = (answers, right)
        if name not in self.number:
            last = answers[-1]
            parent = self(answers[:-1], right - {last})
            self.number[name] = len(self.rows)
            self.rows.append((parent, last, int(last in right)))
        return self.number[name]

    def by_level(self) -> tuple[Index, tuple[tuple[int, int], ...], Index]:
        """Rows in the order of their levels, where these begin and end, and new numbers."""
        size = np.zeros(len(self.rows), dtype=np.int64)
        for (answers, _), i in self.number.items():
            size[i] = len(answers)
        old = np.argsort(size, kind="stable")
        new = np.empty_like(old)
        new[old] = np.arange(len(old))
        rows = np.array(self.rows, dtype=np.int64)[old]
        rows[:, 0] = new[rows[:, 0]]
        ends = [int((size <= n).sum()) for n in range(int(size.max()) + 1)]
        return rows, tuple(pairwise(ends)), new


def _hypotheses(
    state: State, pairs: _Pairs, patterns: dict[tuple[int, ...], int], keys: bool
) -> list[tuple[int, int]]:
    """(pair, pattern) of "none of them", then of each group's being right."""
    answers = tuple(column for column, _ in state)
    groups: dict[int, list[int]] = {}
    for column, group in state:
        if group >= 0:
            groups.setdefault(group, []).append(column)
    out = []
    for right in [None, *groups]:
        members = frozenset(groups[right]) if right is not None else frozenset()
        sizes = [len(g) for name, g in groups.items() if name != right] if keys else []
        pattern = patterns.setdefault(tuple(sorted(sizes)), len(patterns))
        out.append((pairs(answers, members), pattern))
    return out


def _following(
    level: list[State],
    beyond: list[State],
    llm: Index,
    llms: int,
    keyed: tuple[bool, ...],
    keys: bool,
    index: dict[State, int],
) -> Index:
    """Next states by LLM, `[S, M, O]`; one beyond the last for none."""
    rows: list[list[list[int]]] = []
    for state in level:
        there = {int(llm[column]) for column, _ in state}
        groups = 1 + max((group for _, group in state), default=-1)
        ways: list[list[int]] = []
        for m in range(llms):
            after: list[int] = []
            for column in np.flatnonzero(llm == m).tolist() if m not in there else []:
                labels = [-1] if not keyed[column] else range(groups + 1) if keys else [groups]
                for label in labels:
                    answers = [(c, None if g < 0 else g) for c, g in state]
                    answers.append((column, None if label < 0 else label))
                    after.append(index[canonical(answers)])  # type: ignore[arg-type]
            ways.append(after)
        rows.append(ways)
    most = max((len(after) for ways in rows for after in ways), default=0)
    out = np.full((len(level), llms, most), len(beyond), dtype=np.int64)
    for s, ways in enumerate(rows):
        for m, after in enumerate(ways):
            out[s, m, : len(after)] = after
    return out


def _padded(rows: list[list[int]], width: int, fill: int) -> Index:
    out = np.full((len(rows), width), fill, dtype=np.int64)
    for i, row in enumerate(rows):
        out[i, : len(row)] = row
    return out
