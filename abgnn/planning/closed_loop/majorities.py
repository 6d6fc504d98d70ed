"""Majorities of three LLMs by key, and which three are best, by replay."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from abgnn.data.arrays import Array, Index
from abgnn.errors import ConfigError
from abgnn.planning.best_within import best_within
from abgnn.planning.budgets import Budget
from abgnn.planning.closed_loop.answer_table import NO_KEY, AnswerTable

VOTERS = 3


@dataclass(frozen=True, eq=False)
class Majorities:
    """Every three of M LLMs, and every LLM alone for budgets that no three keep.

    Args:
        three, alone: indices of LLMs, the ablest first, `[C, 3]` and `[M, 1]`.
        votes, singles: mean score, USD and seconds of each, `[3, C]` and `[3, M]`.
    """

    three: Index
    alone: Index
    votes: Array
    singles: Array

    @classmethod
    def of(cls, table: AnswerTable) -> Majorities:
        """By a complete table.

        Raises:
            ConfigError: answers are missing.
        """
        if not table.answered.all():
            allowed = "answers of every LLM to every question: `--design complete`"
            raise ConfigError("calibration", "calls that are missing", allowed)
        ablest = np.argsort(-table.right.mean(0), kind="stable")
        singles = np.stack([v.mean(0) for v in (table.right, table.usd, table.seconds)])[:, ablest]
        three = np.array(list(combinations(ablest.tolist(), VOTERS)), dtype=np.int64)
        three = three.reshape(-1, VOTERS)
        votes = np.array([_voted(table, each) for each in three]).reshape(-1, 3).T
        return cls(three, ablest[:, None], votes, singles)

    def best(self, budget: Budget) -> tuple[int, ...]:
        """Three within budgets, the ablest first; where no three are, one LLM."""
        able = self.three, self.votes
        if not len(self.three) or not _within(self.votes, budget).any():
            able = self.alone, self.singles
        llms, means = able
        return tuple(llms[best_within(*means, budget)].tolist())


def _within(means: Array, budget: Budget) -> Array:
    usd = np.inf if budget.cost_usd is None else budget.cost_usd
    seconds = np.inf if budget.latency_s is None else budget.latency_s
    within: Array = (means[1] <= usd) & (means[2] <= seconds)
    return within


def _voted(table: AnswerTable, llms: Index) -> tuple[float, float, float]:
    """Mean score, USD, and seconds side by side; ties go to the ablest, who is first."""
    keys = table.keys[:, llms]  # [n, 3]
    same = (keys[:, :, None] == keys[:, None]).sum(2)
    winner = np.where(keys == NO_KEY, 0, same).argmax(1)  # the first of the most frequent
    right = table.right[np.arange(len(keys)), llms[winner]].mean()
    return (
        float(right),
        float(table.usd[:, llms].sum(1).mean()),
        float(table.seconds[:, llms].max(1).mean()),
    )
