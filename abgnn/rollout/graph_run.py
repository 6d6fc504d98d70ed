"""Drives a rollout along its plan's graph: an agent starts when all its messages are there."""

from __future__ import annotations

import asyncio

from abgnn.data.outcome import CallRecord
from abgnn.rollout.clients.base import Messages, PeerMessage
from abgnn.rollout.rollout import AgentTurn, Driver, Rollout
from abgnn.rollout.schedule import Step, repeats


def along(steps: tuple[Step, ...]) -> Driver:
    """The driver of a plan whose schedule is `steps`."""

    async def drive(rollout: Rollout) -> AgentTurn | None:
        return await GraphRun(rollout, steps).run()

    return drive


class GraphRun:
    """One plan's steps under way.

    A step starts the moment the last step that it reads has ended. Role agents that the deadline
    cuts off are no failure: the agents that read them go on without.
    """

    def __init__(self, rollout: Rollout, steps: tuple[Step, ...]) -> None:
        self.rollout, self.plan, self.steps = rollout, rollout.plan, steps
        self._repeats = repeats(rollout.plan, steps)
        self._turns: list[AgentTurn | None] = [None] * len(steps)
        self._missing = [len(step.earlier) + len(step.reads) for step in steps]

    async def run(self) -> AgentTurn | None:
        """All steps; the last one's turn, or None if it was not reached."""
        await self._proceed([i for i, missing in enumerate(self._missing) if not missing])
        return self._turns[-1]

    async def _proceed(self, ready: list[int]) -> None:
        """Run steps that need nothing more, and all that they set free."""
        while len(ready) == 1:  # along a chain no further task is needed
            ready = await self._step(ready[0])
        if ready:
            await asyncio.gather(*(self._proceed([i]) for i in ready))

    async def _step(self, i: int) -> list[int]:
        """Run one step; returns the steps that it set free."""
        self._turns[i] = await self._act(i)
        if self.rollout.failed:
            return []
        free = []
        for j in self.steps[i].followers:
            self._missing[j] -= 1
            if not self._missing[j]:
                free.append(j)
        return free

    async def _act(self, i: int) -> AgentTurn:
        """Run one agent: its call, and further ones while its tool returns output."""
        step = self.steps[i]
        reads = [self._ended(j) for j in (*step.earlier, *step.reads)]
        decides = step.agent == self.plan.decision
        turn = self.rollout.turn(step, self._repeats[i], reads, decides=decides)
        turn.text = await self._right_already(step, turn) if not decides else None
        if turn.text is not None:
            return turn
        record = await self.rollout.work(turn, self._messages(step), answers=decides)
        if record is not None:
            self._failed(record, decides)
        if turn.text is None:  # its readers go on from the deadline
            turn.end, turn.clock = max(turn.end, turn.until), max(turn.clock, turn.until)
            self.rollout.late.add(step.agent)
            if decides:
                self.rollout.fail("deadline", "deadline: no time was left for the answer")
        return turn

    async def _right_already(self, step: Step, turn: AgentTurn) -> str | None:
        """A program that the agent reads and that passes the public examples; no call is needed.

        The examples take milliseconds, which count as no time.
        """
        if self.plan.early_exit:
            for i in step.reads:
                text = self._ended(i).text
                if text is not None and await self.rollout.passes_examples(turn, text):
                    return text
        return None

    def _failed(self, record: CallRecord, decides: bool) -> None:
        """A failure ends the rollout, unless it is a role agent's that ran out of time."""
        if decides or record.kind != "deadline":
            assert record.kind is not None, "an error is of a kind"
            self.rollout.fail(record.kind, f"{record.role} ({record.backbone}): {record.error}")

    def _messages(self, step: Step) -> Messages:
        received = self._received(step.earlier, earlier=True) + self._received(step.reads)
        role, question = self.plan.agents[step.agent].role, self.plan.query.text
        return Messages(role, question, tuple(received))

    def _received(self, steps: tuple[int, ...], *, earlier: bool = False) -> list[PeerMessage]:
        answers = [(self.plan.agents[self.steps[i].agent].role, self._ended(i)) for i in steps]
        return [PeerMessage(r.name, h.text, earlier) for r, h in answers if h.text is not None]

    def _ended(self, i: int) -> AgentTurn:
        turn = self._turns[i]
        assert turn is not None, "a step starts after the steps that it reads"
        return turn
