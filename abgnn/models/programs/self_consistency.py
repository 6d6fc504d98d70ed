"""Self-consistency: independent answers of one agent, and a majority vote by key."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass

from abgnn.data.program import AgentAnswer, Program, Stage
from abgnn.errors import ConfigError


@dataclass(frozen=True)
class SelfConsistencyProgram(Program):
    """Wang et al. (arXiv 2203.11171): n answers of the plan's first agent, majority by key.

    The calls are made side by side and read nothing; the vote costs no call and is over when the
    last answer is there. Ties go to the key that came up first, by number of the call. Answers
    without a key (nothing that can be voted for) count only if no answer has one. A call that the
    query's budget does not admit is a vote less; waiting for another call's reservation to be
    settled is queueing, which latency does not count.

    Args:
        n: answers.
    """

    n: int = 5

    def __post_init__(self) -> None:
        if self.n < 1:
            raise ConfigError("SelfConsistencyProgram.n", self.n, "a number of answers ≥ 1")

    async def run(self, stage: Stage) -> AgentAnswer | str | None:
        replies = await asyncio.gather(*(stage.call(0, last=True) for _ in range(self.n)))
        answers = [answer.text for answer in replies if answer is not None]
        return majority([(stage.key(text), text) for text in answers])


def majority(votes: list[tuple[str, str]]) -> str | None:
    """Of (key, text) votes the first text with the most frequent key; None: no votes."""
    able = [vote for vote in votes if vote[0]] or votes
    if not able:
        return None
    (winner, _), *_ = Counter(key for key, _ in able).most_common(1)  # ties: the first seen
    return next(text for key, text in able if key == winner)
