"""The execution of one plan: which call starts when, what it reads, what it cost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from abgnn.catalogue import Backbone, Usage
from abgnn.rollout.client import CallError, Client, Messages, Received
from abgnn.rollout.plan import CallRecord, Outcome, Plan
from abgnn.rollout.schedule import Step

OnCall = Callable[[CallRecord], None]


class Rollout:
    """One plan under way; `run` once.

    A call starts the moment the last step that it reads has ended. After a failing call nothing
    new is dispatched, and the calls in flight are awaited, since they will be billed.

    Args:
        plan: what to execute.
        steps: its schedule.
        backbones: the backbone of every agent.
        client: how LLMs are reached.
        sample: which of the K rollouts of the query.
        on_call: told of every call that has ended, on the loop's thread.
    """

    def __init__(
        self,
        plan: Plan,
        steps: tuple[Step, ...],
        backbones: tuple[Backbone, ...],
        client: Client,
        sample: int,
        on_call: OnCall | None,
    ) -> None:
        self.plan, self.steps, self.backbones = plan, steps, backbones
        self.client, self.sample, self.on_call = client, sample, on_call
        self._records: list[CallRecord | None] = [None] * len(steps)
        self._missing = [len(step.earlier) + len(step.reads) for step in steps]
        self._error: str | None = None

    async def run(self) -> Outcome:
        """Execute; a call that fails is told in the outcome. Raises only when cancelled."""
        began = time.perf_counter()
        await self._proceed([i for i, missing in enumerate(self._missing) if not missing])
        return self._outcome(time.perf_counter() - began)

    async def _proceed(self, ready: list[int]) -> None:
        """Run steps that need nothing more, and all that they set free."""
        while len(ready) == 1:  # along a chain no further task is needed
            ready = await self._step(ready[0])
        if ready:
            await asyncio.gather(*(self._proceed([i]) for i in ready))

    async def _step(self, i: int) -> list[int]:
        """Run one step; returns the steps that it set free."""
        record = self._records[i] = await self._call(self.steps[i])
        if record.error is not None and self._error is None:
            self._error = f"{record.role} ({record.backbone}): {record.error}"
        if self.on_call is not None:
            self.on_call(record)
        if self._error is not None:
            return []
        free = []
        for j in self.steps[i].followers:
            self._missing[j] -= 1
            if not self._missing[j]:
                free.append(j)
        return free

    async def _call(self, step: Step) -> CallRecord:
        backbone = self.backbones[step.agent]
        heard = [self._ended(i) for i in (*step.earlier, *step.reads)]
        messages = self._messages(step, backbone)
        try:
            done = await self.client.complete(
                backbone, messages, query=self.plan.query, sample=self.sample
            )
            text, usage, seconds, error = done.text, done.usage, done.service_time, None
        except CallError as failure:
            text, usage, seconds, error = "", failure.usage, failure.service_time, str(failure)
        except Exception as bug:  # a client's bug becomes a typed outcome: neighbours go on
            text, usage, seconds = "", Usage(), 0.0
            error = f"internal: {type(bug).__name__}: {bug}"
        return CallRecord(
            agent=step.agent,
            role=messages.role.name,
            backbone=backbone.name,
            usage=usage,
            cost=backbone.cost(usage),
            service_time=seconds,
            start=max((record.end for record in heard), default=0.0),
            text=text,
            error=error,
            round=step.round,
        )

    def _messages(self, step: Step, backbone: Backbone) -> Messages:
        received = [Received(r.role, r.text, earlier=True) for r in map(self._ended, step.earlier)]
        received += [Received(r.role, r.text) for r in map(self._ended, step.reads)]
        role, question = self.plan.agents[step.agent].role, self.plan.query.text
        return Messages(role, question, tuple(received), backbone.prompt_suffix)

    def _ended(self, i: int) -> CallRecord:
        record = self._records[i]
        assert record is not None, "a step starts after the steps that it reads"
        return record

    def _outcome(self, wall_time: float) -> Outcome:
        calls = [record for record in self._records if record is not None]
        answer = self._records[-1] if self._error is None else None
        latency = answer.end if answer else max(record.end for record in calls)
        return Outcome(
            plan=self.plan,
            answer=answer.text if answer else "",
            score=0.0,
            usage=sum((record.usage for record in calls), Usage()),
            cost=sum(record.cost for record in calls),
            latency=latency,
            wall_time=wall_time,
            calls=tuple(sorted(calls, key=lambda record: (record.round, record.agent))),
            error=self._error,
            sample=self.sample,
        )
