"""Committees and cascades played on recorded outcomes, fitted and chosen on other questions.

Members, order and weights are chosen on the folds that a question is not in; thresholds come from
costs, never from the scores of the questions that are judged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from abgnn.data.arrays import Array, Index, Mask
from abgnn.errors import ConfigError
from abgnn.evaluation.answer_signals import asking, reading
from abgnn.evaluation.frontier import performance_at
from abgnn.evaluation.logistic import fit_logistic
from abgnn.outcomes.table import OutcomeTable


@dataclass(frozen=True)
class Played:
    """Scores and USD of R plays of a strategy (seeds × budgets) on Q questions, `[R, Q]` each."""

    name: str
    score: Array
    cost: Array


def points(table: OutcomeTable) -> Array:
    """(mean USD, mean score) of every LLM, `[M, 2]`."""
    means: Array = np.stack([table.cost.mean(0), table.score.mean(0)], 1)
    return means


def cheap_llms(table: OutcomeTable) -> list[int]:
    """LLMs below the mean cost, best first."""
    cost, score = points(table).T
    return sorted(np.flatnonzero(cost < cost.mean()).tolist(), key=lambda m: -score[m])


def folds(n: int, k: int, seed: int) -> Iterator[tuple[Index, Index]]:
    """(other questions, questions) of k random folds."""
    fold = np.random.default_rng(seed).permutation(n) % k
    for i in range(k):
        yield np.flatnonzero(fold != i), np.flatnonzero(fold == i)


def committee(table: OutcomeTable, seeds: Sequence[int], k: int = 5) -> Played:
    """The three best cheap LLMs vote: the median score, which of 0 and 1 is the majority.

    Raises:
        ConfigError: fewer than three LLMs cost less than the mean.
    """
    score, cost = _empty(table, len(seeds))
    for r, seed in enumerate(seeds):
        for train, test in folds(len(table.ids), k, seed):
            three = np.array(cheap_llms(table.rows(train))[:3])
            if len(three) < 3:
                raise ConfigError("table.llms", table.llms, "at least three cheap LLMs")
            score[r, test] = np.median(table.score[np.ix_(test, three)], 1)
            cost[r, test] = table.cost[np.ix_(test, three)].sum(1)
    return Played("committee of three cheap LLMs, majority", score, cost)


def second_opinion(
    table: OutcomeTable, seeds: Sequence[int], k: int = 5, agree_when_wrong: float = 0.5
) -> tuple[Played, Played]:
    """Two cheap LLMs; if they agree the first one's answer counts, else a dearer one is asked.

    The table says who was right, not what was answered: both right agree, one right disagree, and
    two wrong ones agree with probability `agree_when_wrong` (drawn: this part is simulated). Who
    is asked is what gains most over the mixture on the other folds. Beside it, the blind cascade:
    the first cheap LLM, then the dearer one on a random share of questions of the same size.

    Raises:
        ConfigError: fewer than two cheap LLMs.
    """
    read, blind = _empty(table, len(seeds)), _empty(table, len(seeds))
    for r, seed in enumerate(seeds):
        draw = np.random.default_rng([seed, 1]).random(len(table.ids)) < agree_when_wrong
        for train, test in folds(len(table.ids), k, seed):
            trio = _best_trio(table.rows(train), draw[train])
            read[0][r, test], read[1][r, test], ask = _opinions(table, test, trio, draw)
            a, _, c = trio
            s, d = table.score[test], table.cost[test]
            share = float(ask.mean())
            blind[0][r, test] = (1 - share) * s[:, a] + share * s[:, c]
            blind[1][r, test] = d[:, a] + share * d[:, c]
    return (
        Played("cheap first, a dearer one at random", *blind),
        Played("two cheap ones, a dearer one if they disagree", *read),
    )


def _best_trio(table: OutcomeTable, draw: Mask) -> tuple[int, int, int]:
    cheap, frontier = cheap_llms(table)[:4], points(table)
    if len(cheap) < 2:
        raise ConfigError("table.llms", table.llms, "at least two cheap LLMs")
    dear = [m for m in range(len(table.llms)) if m not in cheap_llms(table)]
    every = np.arange(len(table.ids))
    trios = [(a, b, c) for a, b in permutations(cheap, 2) for c in dear]

    def gain(trio: tuple[int, int, int]) -> float:
        score, cost, _ = _opinions(table, every, trio, draw)
        return float(score.mean()) - performance_at(frontier, float(cost.mean()), anchor=False)

    return max(trios, key=gain)


def _opinions(
    table: OutcomeTable, rows: Index, trio: tuple[int, int, int], draw: Mask
) -> tuple[Array, Array, Mask]:
    """Score and cost per question, and whether the dearer LLM was asked."""
    a, b, c = trio
    score, cost = table.score[rows], table.cost[rows]
    right_a, right_b = score[:, a] >= 0.5, score[:, b] >= 0.5
    ask: Mask = (right_a != right_b) | (~right_a & ~right_b & ~draw[rows])
    return (
        np.where(ask, score[:, c], score[:, a]),
        cost[:, a] + cost[:, b] + ask * cost[:, c],
        ask,
    )


def read_cascade(
    table: OutcomeTable,
    seeds: Sequence[int],
    k: int = 5,
    budgets: Sequence[float] = (0.2, 0.4, 0.6, 0.8),
) -> tuple[Played, Played]:
    """The cheapest LLM answers; after reading its text, the best one is asked where it pays most.

    Reading is `answer_signals.reading`: surface signals of question and response. P(cheap right)
    and P(best right) are ridge logistic regressions on the other folds. In a fold, questions are
    escalated in order of the difference until the mean expected cost reaches the budget: cheapest +
    share × (best − cheapest), costs expected being the other folds' means. Beside it, the blind
    cascade: random questions instead.

    Raises:
        ConfigError: the table has no responses, or the cheapest LLM is also the best.
    """
    if not table.responses:
        raise ConfigError("table.responses", (), "a table with the LLMs' responses")
    signals: dict[int, Array] = {}
    size = len(seeds) * len(budgets)
    read, blind = _empty(table, size), _empty(table, size)
    for r, seed in enumerate(seeds):
        rng = np.random.default_rng([seed, 2])
        for train, test in folds(len(table.ids), k, seed):
            cheap, best = _ends(table.rows(train))
            if cheap not in signals:
                signals[cheap] = _signals(table, cheap)
            priority = _worth(signals[cheap], table.score[:, [cheap, best]], train)[test]
            low, high = (float(table.cost[train, m].mean()) for m in (cheap, best))
            for b, share in enumerate(budgets):
                count = int(share * (high - low) / high * len(test))
                row = r * len(budgets) + b
                for order, (score, cost) in (
                    (np.argsort(-priority, kind="stable"), read),
                    (rng.permutation(len(test)), blind),
                ):
                    ask = np.isin(np.arange(len(test)), order[:count])
                    score[row, test] = table.score[test, np.where(ask, best, cheap)]
                    cost[row, test] = table.cost[test, cheap] + ask * table.cost[test, best]
    return (
        Played("cheap first, the best one at random", *blind),
        Played("cheap first, the best one by what was read", *read),
    )


def _ends(table: OutcomeTable) -> tuple[int, int]:
    """The cheapest LLM, and the one with the best mean score."""
    cost, score = points(table).T
    cheap, best = int(cost.argmin()), int(score.argmax())
    if cheap == best:
        raise ConfigError("table.llms", table.llms, "a cheapest LLM that is not the best")
    return cheap, best


def _signals(table: OutcomeTable, llm: int) -> Array:
    answers = [row[llm] for row in table.responses]
    signals: Array = np.hstack([asking(table.texts), reading(table.texts, answers)])  # [Q, F]
    return signals


def _worth(signals: Array, score: Array, train: Index) -> Array:
    """P(best right) − P(cheap right) of every question, fitted on `train`; `[Q]`."""
    weak = fit_logistic(signals[train], score[train, 0])
    strong = fit_logistic(signals[train], score[train, 1], ridge=30.0)
    return strong(signals) - weak(signals)


def _empty(table: OutcomeTable, plays: int) -> tuple[Array, Array]:
    return np.zeros((plays, len(table.ids))), np.zeros((plays, len(table.ids)))
