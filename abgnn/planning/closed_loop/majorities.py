"""Majorities of three LLMs by key, and what a complete calibration makes of each."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from abgnn.data.arrays import Array
from abgnn.planning.closed_loop.answer_table import NO_KEY, AnswerTable
from abgnn.planning.closed_loop.ways import Ways

VOTERS = 3
Voters = tuple[int, ...]
"""Indices of LLMs, the ablest first."""


def majorities_of(table: AnswerTable, voters: int = VOTERS) -> Ways[Voters]:
    """Every few LLMs of a table without gaps; with `voters=1` every LLM alone."""
    ablest = np.argsort(-table.right.mean(0), kind="stable").tolist()
    able = list(combinations(ablest, voters))
    means = np.array([voted(table, each).mean(1) for each in able]).reshape(len(able), 3)
    return Ways(able, means)


def voted(table: AnswerTable, llms: Sequence[int]) -> Array:
    """Score, USD, and seconds side by side of every question, `[3, n]`; ties go to the ablest, who
    is first."""
    keys = table.keys[:, llms]  # [n, V]
    same = (keys[:, :, None] == keys[:, None]).sum(2)
    winner = np.where(keys == NO_KEY, 0, same).argmax(1)  # the first of the most frequent
    right = table.right[np.arange(len(keys)), np.array(llms)[winner]]
    return np.stack([right, table.usd[:, llms].sum(1), table.seconds[:, llms].max(1)])
