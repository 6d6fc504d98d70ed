"""`SelfCheckProgram`: a cheap LLM checks its own answer; a dear one where it is unsure."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from abgnn.data.program import AgentAnswer, Program, Stage
from abgnn.errors import ConfigError


@dataclass(frozen=True)
class SelfCheckProgram(Program):
    """AutoMix (Aggarwal, Madaan et al., arXiv 2310.12963), with agreement as self-verification.

    The plan's first agent answers; then it is asked so many times again, and the share of these
    answers with the same key is its confidence. Below the threshold the second agent answers. In
    AutoMix the further calls are few-shot prompts that ask whether the answer follows from a
    context, and a POMDP or a threshold routes on the share of yes; there is no context here, and
    the threshold alone is rendered. A call that fails is no check; without any, confidence is 0.

    Args:
        checks: further answers of the first agent.
        threshold: share of them that must agree.
    """

    checks: int = 4
    threshold: float = 0.5

    def __post_init__(self) -> None:
        if self.checks < 1:
            raise ConfigError("SelfCheckProgram.checks", self.checks, "a number of answers ≥ 1")
        if not 0 <= self.threshold <= 1:
            raise ConfigError("SelfCheckProgram.threshold", self.threshold, "a share from 0 to 1")

    async def run(self, stage: Stage) -> AgentAnswer | str | None:
        first = await stage.call(0, last=True, number=0, vital=False)
        if first is None:
            return await stage.call(1, last=True, number=0, final=True)
        calls = [
            stage.call(0, after=[first], last=True, number=1 + i, vital=False)
            for i in range(self.checks)
        ]
        checks = [answer for answer in await asyncio.gather(*calls) if answer is not None]
        key = stage.key(first.text)
        same = sum(stage.key(answer.text) == key for answer in checks) if key else 0
        if checks and same / len(checks) >= self.threshold:
            return first.text  # it is there when its last check is
        before = [first, *checks]
        second = await stage.call(1, after=before, last=True, number=0, vital=False, final=True)
        return first.text if second is None else second
