"""Star collaboration: independent answers side by side, and a vote without a call."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from abgnn.data.program import AgentAnswer, Program, Stage


@dataclass(frozen=True)
class StarProgram(Program):
    """BAMAS's star pattern (arXiv 2511.21572): every agent answers alone, the majority wins.

    Votes are counted by the task's key; a tie goes to the key with more votes of the strongest
    tier, then to the one that comes first in the plan. The answer is there when the last vote is.
    Votes that the budget does not admit are missing.

    Args:
        n: how many agents, the first of the plan; strongest first.
        strong: how many of them are of the strongest tier.
        as_released: at most three agents vote, however many were bought, one after the other.
            (The release's division of tasks that say "calculate" is left out: those votes are
            over answers to different questions.)
    """

    n: int = 1
    strong: int = 0
    as_released: bool = False

    async def run(self, stage: Stage) -> AgentAnswer | str | None:
        answers = await (self._sequence(stage) if self.as_released else self._at_once(stage))
        return vote([(stage.key(s.text), s) for s in answers], self.strong)

    async def _at_once(self, stage: Stage) -> list[AgentAnswer]:
        calls = (stage.call(agent, last=True) for agent in range(self.n))
        return [answer for answer in await asyncio.gather(*calls) if answer is not None]

    async def _sequence(self, stage: Stage) -> list[AgentAnswer]:
        answers: list[AgentAnswer] = []
        for agent in range(min(self.n, 3)):
            answer = await stage.call(agent, after=answers[-1:], last=True)
            if answer is not None:
                answers.append(answer)
        return answers


def vote(votes: Sequence[tuple[str, AgentAnswer]], strong: int) -> str | None:
    """The text that wins among (key, answer); None: no votes.

    Answers without a key count only if none has one. The result is a text, not an
    `AgentAnswer`, since a vote ends when the last answer is there.

    Args:
        votes: in the order of the plan.
        strong: agents below this index are of the strongest tier.
    """
    able = [v for v in votes if v[0]] or list(votes)
    if not able:
        return None

    def rank(key: str) -> tuple[int, int]:
        mine = [answer.agent for k, answer in able if k == key]
        return len(mine), sum(agent < strong for agent in mine)

    winner = max(dict.fromkeys(key for key, _ in able), key=rank)  # ties: the first
    return next(answer.text for key, answer in able if key == winner)
