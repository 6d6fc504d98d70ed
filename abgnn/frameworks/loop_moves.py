"""`LoopMoves`: what a closed loop does next, in whatever system asks its agents."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from abgnn.data.plan import Plan
from abgnn.errors import ConfigError
from abgnn.models.programs import ClosedLoopProgram

Key: TypeAlias = Callable[[str], str]
"""What an answer comes down to; "": it has no key."""


@dataclass(frozen=True, slots=True)
class LoopMove:
    """What is done next.

    Args:
        ask: places of the agents to ask, in the plan; empty: the loop stops.
        answer: the text that stands when it stops; None: nobody has answered.
        probability: that the answer so far is right; None: a reader's answer stands.
    """

    ask: tuple[int, ...]
    answer: str | None = None
    probability: float | None = None


class LoopMoves:
    """
    Args:
        plan: its program is a closed loop.
        key: of an answer.

    Raises:
        ConfigError: another program, or one whose answers are programs, which only abgnn's own
            executor runs with public examples.
    """

    def __init__(self, plan: Plan, key: Key) -> None:
        program, at = plan.program, f"Plan({plan.query.id}).program"
        if not isinstance(program, ClosedLoopProgram):
            raise ConfigError(at, type(program).__name__, "a closed loop, or none")
        if program.form_right and not program.scales:
            raise ConfigError(at, "programs run with examples", "closed loops of texts")
        self.program, self.key, self.query = program, key, plan.query
        self.count = len(program.accuracy)

    def reads(self, agent: int) -> bool:
        """Whether an agent reads all answers so far; else it answers afresh."""
        return agent >= self.count

    def after(self, replies: Mapping[int, str], failed: Collection[int]) -> LoopMove:
        """The next move.

        Args:
            replies: of the agents that have answered, in the order of their answers.
            failed: agents whose call has failed.
        """
        for agent, text in replies.items():
            if self.reads(agent):  # its own answer stands
                return LoopMove((), text)
        question = self.query.text
        asked = [self.program.read(m, text, self.key, question) for m, text in replies.items()]
        readers = {agent - self.count for agent in failed if self.reads(agent)}
        rule = self.program.after(asked, self.query)
        step = rule.decide(asked, {m for m in failed if not self.reads(m)}, readers)
        if step.reader is not None:
            return LoopMove((self.count + step.reader,), None, step.probability)
        stands = None if step.ask or step.answer is None else replies[step.answer]
        return LoopMove(tuple(step.ask), stands, step.probability)
