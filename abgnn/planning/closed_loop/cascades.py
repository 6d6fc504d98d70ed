"""Fixed cascades: one order of LLMs and thresholds for all questions, found by replay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import permutations, product

import numpy as np

from abgnn.data.arrays import Array
from abgnn.planning.closed_loop.closed_loop import ClosedLoop
from abgnn.planning.closed_loop.lookahead import Asked, posterior_of
from abgnn.planning.closed_loop.problem import LoopProblem
from abgnn.planning.closed_loop.replay import Replay
from abgnn.planning.closed_loop.ways import Ways

LONGEST = 3
_SHARES = np.linspace(0.1, 0.9, 9)  # of the questions that a threshold lets go on


@dataclass(frozen=True)
class Cascade:
    """
    Args:
        llms: indices of LLMs, in the order in which they are asked.
        thresholds: at which the answer of each but the last stands.
    """

    llms: tuple[int, ...]
    thresholds: tuple[float, ...]


def cascades_of(loop: ClosedLoop) -> Ways[Cascade]:
    """Every order of up to three of the loop's candidates, at nine thresholds of each but the last.

    Raises:
        ConfigError: a calibration with gaps: nothing can be replayed.
    """
    at = loop.chosen[""]
    replay = replace(loop, chosen={"": at}, reading=None).replay_of_all
    bills = np.array([[a.right, a.usd, a.seconds] for a in replay.answers])  # [n, 3, M]
    sure = cache(lambda asked: _sure(replay, asked))
    made, means = list[Cascade](), list[Array]()
    for length in range(1, min(LONGEST, len(at)) + 1):
        for order in permutations(range(len(at)), length):
            before = [sure(order[: i + 1]) for i in range(length - 1)]
            mine = [bills[:, :, m].T for m in order]
            for thresholds in product(*(np.quantile(p, _SHARES).tolist() for p in before)):
                made.append(Cascade(tuple(at[m] for m in order), thresholds))
                means.append(_passed_on(mine, before, thresholds).mean(1))
    return Ways(made, np.array(means))


def last_is_right(problem: LoopProblem, asked: Sequence[Asked]) -> float:
    """P(the last answer is right), given all answers so far; 0 where it has no key."""
    key = asked[-1].key if problem.keys else asked[-1].llm
    if key is None:
        return 0.0
    posterior = posterior_of(problem, asked)
    return float(posterior.probabilities[1 + posterior.keys.index(key)])


def _sure(replay: Replay, asked: tuple[int, ...]) -> Array:
    """P(right) of the last of these candidates' answers to every question, `[n]`."""
    pairs = zip(replay.problems, replay.answers, strict=True)
    return np.array([last_is_right(p, [answers(m) for m in asked]) for p, answers in pairs])


def _passed_on(bills: Sequence[Array], sure: Sequence[Array], thresholds: Sequence[float]) -> Array:
    """Score, USD and seconds of every question, `[3, n]`: below a threshold the next LLM's answer
    stands in place of this one's, and both are paid."""
    out = bills[-1]
    for bill, p, t in reversed(list(zip(bills, sure, thresholds, strict=False))):
        out = np.where(p < t, np.concatenate([out[:1], bill[1:] + out[1:]]), bill)
    return out
