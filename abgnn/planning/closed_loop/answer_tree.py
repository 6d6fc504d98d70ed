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

from abgnn.data.arrays import Array, Index

State = tuple[tuple[int, int], ...]
"""(column, group) of every answer, by column; groups numbered by first appearance, −1: no key."""


@dataclass(frozen=True)
class Level:
    """States of n answers.

    Args:
        pair: of every hypothesis, its (answers, right ones) pair, `[S, 1 + H]`; the first is that
            none of the answers is right, or, without keys, how likely the answers are.
        group: of every group of equal answers, its set of columns, an index of
            `AnswerTree.sets`; one beyond the last where there is no group, `[S, H]`.
        groups: how many groups there are, `[S]`.
        silent: the set of the answers without a key, `[S]`.
        llms: which LLMs have answered, `[S, M]`.
        following: states of the next level after each LLM's answer, `[S, M, O]`; the last, one
            beyond the states, is none. Empty at the last level.
    """

    pair: Index
    group: Index
    groups: Index
    silent: Index
    llms: Index
    following: Index


@dataclass(frozen=True)
class AnswerTree:
    """
    Args:
        llm: of every column, a kind of answer of an LLM, `[C]`.
        keyed: whether the column's answers have a key, `[C]`.
        growth: of every pair but the first its parent, the column added, and whether that answer
            is right, `[P, 3]`; by levels. No key stands beside the LLM's first column.
        pair_levels: where each level's pairs begin and end.
        sets: which columns each set has, `[G, C]`.
        levels: from no answer to the most.
        index: of every state in its level.
    """

    llm: Index
    keyed: tuple[bool, ...]
    growth: Index
    pair_levels: tuple[tuple[int, int], ...]
    sets: Array
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
    first = tuple(columns.index((m, True)) for m in range(llms))
    pairs, sets = _Pairs([c if k else first[m] for c, (m, k) in enumerate(columns)]), _Sets()
    states = [
        [state for chosen in _choices(llm, n) for state in _partitions(chosen, keyed, keys)]
        for n in range(calls + 1)
    ]
    index = {state: i for level in states for i, state in enumerate(level)}
    grouped = [[_groups(state) for state in level] for level in states]
    numbers = [[[sets(group) for group in row] for row in rows] for rows in grouped]
    hypotheses = [
        [_hypotheses(state, row, pairs) for state, row in zip(level, rows, strict=True)]
        for level, rows in zip(states, grouped, strict=True)
    ]
    growth, pair_levels, order = pairs.by_level()
    silent = [[sets(tuple(c for c, g in state if g < 0)) for state in level] for level in states]
    none, levels = len(sets.number), []
    for n, level in enumerate(states):
        there = [[m in {int(llm[c]) for c, _ in state} for m in range(llms)] for state in level]
        following = np.zeros((len(level), llms, 0), dtype=np.int64)
        if n < calls:
            following = _following(level, len(states[n + 1]), llm, keyed, keys, index)
        levels.append(
            Level(
                order[_padded(hypotheses[n], n + 1, 0)],
                _padded(numbers[n], n, none),
                np.array([len(row) for row in numbers[n]]),
                np.array(silent[n]),
                np.array(there, dtype=np.int64).reshape(len(level), llms),
                following,
            )
        )
    return AnswerTree(
        llm, keyed, growth, pair_levels, sets.members(len(columns)), tuple(levels), index
    )


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


class _Sets:
    """Numbers of sets of columns."""

    def __init__(self) -> None:
        self.number: dict[tuple[int, ...], int] = {(): 0}

    def __call__(self, columns: tuple[int, ...]) -> int:
        return self.number.setdefault(columns, len(self.number))

    def members(self, columns: int) -> Array:
        """1 where a set has a column, `[G, C]`."""
        out = np.zeros((len(self.number), columns))
        for row, of in enumerate(self.number):
            out[row, list(of)] = 1
        return out


class _Pairs:
    """Numbers of (answers, right ones) pairs, each grown from one without its last column."""

    def __init__(self, stands_for: list[int]) -> None:
        self.stands_for = stands_for
        self.number: dict[tuple[tuple[int, ...], frozenset[int]], int] = {((), frozenset()): 0}
        self.rows: list[tuple[int, int, int]] = [(0, 0, 0)]

    def __call__(self, answers: tuple[int, ...], right: frozenset[int]) -> int:
        answers = tuple(sorted(self.stands_for[c] for c in answers))
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


def _groups(state: State) -> list[tuple[int, ...]]:
    """Columns of each group of equal answers."""
    groups: dict[int, list[int]] = {}
    for column, group in state:
        if group >= 0:
            groups.setdefault(group, []).append(column)
    return [tuple(columns) for columns in groups.values()]


def _hypotheses(state: State, groups: list[tuple[int, ...]], pairs: _Pairs) -> list[int]:
    """Pairs of "none of them is right", then of each group's being right."""
    answers = tuple(column for column, _ in state)
    return [pairs(answers, frozenset(right)) for right in [(), *groups]]


def _following(
    level: list[State],
    beyond: int,
    llm: Index,
    keyed: tuple[bool, ...],
    keys: bool,
    index: dict[State, int],
) -> Index:
    """Next states by LLM, `[S, M, O]`; one beyond the last for none."""
    llms = int(llm.max()) + 1
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
    out = np.full((len(level), llms, most), beyond, dtype=np.int64)
    for s, ways in enumerate(rows):
        for m, after in enumerate(ways):
            out[s, m, : len(after)] = after
    return out


def _padded(rows: list[list[int]], width: int, fill: int) -> Index:
    out = np.full((len(rows), width), fill, dtype=np.int64)
    for i, row in enumerate(rows):
        out[i, : len(row)] = row
    return out
