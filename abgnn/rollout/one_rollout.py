"""The execution of one plan: which call starts when, what it reads, what it cost."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from abgnn.catalogue import Backbone, Usage
from abgnn.rollout.books import Caller
from abgnn.rollout.calls import Call, Reply, endpoint_failed
from abgnn.rollout.client import ErrorKind, Messages, Received, Turn
from abgnn.rollout.gateway import Gateway
from abgnn.rollout.money import dollars, picodollars
from abgnn.rollout.plan import CallRecord, Outcome, Plan
from abgnn.rollout.purse import Purse
from abgnn.rollout.schedule import Step
from abgnn.rollout.toolbox import Toolbox

OnCall = Callable[[CallRecord], None]


@dataclass(frozen=True, slots=True)
class Setting:
    """What the rollouts of one run have in common."""

    gateway: Gateway
    tools: Toolbox
    backbones: Mapping[str, Backbone]
    phase: str
    on_call: OnCall | None


@dataclass(slots=True)
class _Turn:
    """An agent at work, and in the end what its readers need.

    Two clocks, both seconds since the plan's start: `end` is the latency's (service and tools),
    `clock` the deadline's (failed attempts and the waits between them on top).
    """

    step: Step
    twin: int
    until: float
    end: float
    clock: float
    text: str | None = None  # None: nothing in time


class Rollout:
    """One plan under way; `run` once.

    A call starts the moment the last step that it reads has ended. After a failing call nothing
    new is dispatched, and the calls in flight are awaited, since they will be billed. Role agents
    that the deadline cuts off are no failure: their readers go on without them.

    Args:
        plan: what to execute.
        steps: its schedule.
        setting: gateway, tools, backbones, phase.
        sample: which of the K rollouts of the query.
        age: its place among all rollouts; where calls wait, the lowest goes first.
    """

    def __init__(
        self, plan: Plan, steps: tuple[Step, ...], setting: Setting, sample: int, age: int = 0
    ) -> None:
        self.plan, self.steps, self.setting, self.sample = plan, steps, setting, sample
        self.age = age
        cap = setting.gateway.settings.caps.query_usd
        self._purse = Purse(None if cap is None else picodollars(cap))
        self._twins = _twins(plan, steps)
        self._turns: list[_Turn | None] = [None] * len(steps)
        self._missing = [len(step.earlier) + len(step.reads) for step in steps]
        self._records: list[CallRecord] = []
        self._error: tuple[ErrorKind, str] | None = None

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
        self._turns[i] = await self._act(i)
        if self._error is not None:
            return []
        free = []
        for j in self.steps[i].followers:
            self._missing[j] -= 1
            if not self._missing[j]:
                free.append(j)
        return free

    async def _act(self, i: int) -> _Turn:
        """One agent: its call, and further ones while its tool has something to say."""
        step = self.steps[i]
        heard = [self._ended(j) for j in (*step.earlier, *step.reads)]
        decides = step.agent == self.plan.decision
        turn = _Turn(
            step,
            self._twins[i],
            self.setting.gateway.settings.deadline.allowed_until(decides=decides),
            end=max((h.end for h in heard), default=0.0),
            clock=max((h.clock for h in heard), default=0.0),
        )
        messages = self._messages(step)
        while turn.clock < turn.until:
            record = await self._called(turn, messages)
            if record.error is not None:
                self._failed(record, decides)
                break
            turn.text = record.text
            again = await self._tooled(turn, record, messages)
            if again is None:
                break
            messages = again
        if turn.text is None:  # whoever reads it goes on from the deadline
            turn.end, turn.clock = max(turn.end, turn.until), max(turn.clock, turn.until)
            if decides and self._error is None:
                self._error = "deadline", "deadline: no time was left for the answer"
        return turn

    async def _called(self, turn: _Turn, messages: Messages) -> CallRecord:
        """A call by the agent's backbone, or by that one's fallback."""
        backbones = self.setting.backbones
        backbone = backbones[self.plan.agents[turn.step.agent].backbone]
        while True:
            if messages.suffix != backbone.prompt_suffix:
                messages = replace(messages, suffix=backbone.prompt_suffix)
            caller = self._caller(turn, backbone, len(messages.turns))
            left = turn.until - turn.clock
            call = Call(
                caller, backbone, messages, self.plan.query, turn.twin, left, self._purse, self.age
            )
            reply = await self.setting.gateway.call(call)
            record = _record(caller, reply, backbone, turn.end)
            turn.clock += record.retry_time + record.service_time
            self._told(record)
            if not endpoint_failed(reply.response) or backbone.fallback is None:
                turn.end = record.end
                return record
            backbone = backbones[backbone.fallback]

    def _failed(self, record: CallRecord, decides: bool) -> None:
        """A failure ends the rollout, unless it is a role agent's that ran out of time."""
        if self._error is None and (decides or record.kind != "deadline"):
            assert record.kind is not None, "an error is of a kind"
            self._error = record.kind, f"{record.role} ({record.backbone}): {record.error}"

    async def _tooled(self, turn: _Turn, record: CallRecord, messages: Messages) -> Messages | None:
        """Let the role's tool work on a reply; what the agent is told then, or None to go on."""
        role = self.plan.agents[turn.step.agent].role
        if role.tool is None:
            return None
        caller = self._caller(turn, self.setting.backbones[record.backbone], record.turn)
        used = await self.setting.tools.use(
            role.tool, self.plan.query, record.text, record.turn, caller
        )
        if used is None:
            return None
        self._records[self._records.index(record)] = replace(record, tool_time=used.seconds)
        turn.end, turn.clock = turn.end + used.seconds, turn.clock + used.seconds
        if used.again:
            return replace(messages, turns=(*messages.turns, Turn(record.text, used.output)))
        turn.text = f"{record.text}\n\n{used.output}"
        return None

    def _told(self, record: CallRecord) -> None:
        self._records.append(record)
        if self.setting.on_call is not None:
            self.setting.on_call(record)

    def _caller(self, turn: _Turn, backbone: Backbone, number: int) -> Caller:
        return Caller(
            run=self.setting.gateway.settings.recording.run,
            phase=self.setting.phase,
            query=self.plan.query.id,
            sample=self.sample,
            round=turn.step.round,
            agent=turn.step.agent,
            turn=number,
            role=self.plan.agents[turn.step.agent].role.name,
            backbone=backbone.name,
            model=backbone.model,
            key="",
        )

    def _messages(self, step: Step) -> Messages:
        received = self._received(step.earlier, earlier=True) + self._received(step.reads)
        role, question = self.plan.agents[step.agent].role, self.plan.query.text
        return Messages(role, question, tuple(received))

    def _received(self, steps: tuple[int, ...], *, earlier: bool = False) -> list[Received]:
        heard = [(self.plan.agents[self.steps[i].agent].role, self._ended(i)) for i in steps]
        return [Received(r.name, h.text, earlier) for r, h in heard if h.text is not None]

    def _ended(self, i: int) -> _Turn:
        turn = self._turns[i]
        assert turn is not None, "a step starts after the steps that it reads"
        return turn

    def _outcome(self, wall_time: float) -> Outcome:
        calls = self._records
        answer = self._turns[-1] if self._error is None else None
        error = None if self._error is None else self._error[1]
        late = {t.step.agent for t in self._turns if t is not None and t.text is None}
        return Outcome(
            plan=self.plan,
            answer=answer.text or "" if answer else "",
            score=0.0,
            usage=sum((record.usage for record in calls), Usage()),
            cost=sum(record.cost for record in calls),
            latency=answer.end if answer else max((r.end for r in calls), default=0.0),
            wall_time=wall_time,
            calls=tuple(sorted(calls, key=lambda r: (r.round, r.agent, r.turn))),
            error=error,
            sample=self.sample,
            kind=None if self._error is None else self._error[0],
            late=tuple(sorted(late)) if self._error is None else (),
            paid=sum(record.paid for record in calls),
        )


def _record(caller: Caller, reply: Reply, backbone: Backbone, start: float) -> CallRecord:
    got = reply.response
    return CallRecord(
        agent=caller.agent,
        role=caller.role,
        backbone=backbone.name,
        usage=got.usage,
        cost=backbone.cost(got.usage),
        service_time=got.service_time,
        start=start,
        text=got.text,
        error=None if got.error is None else f"{got.error}: {got.message}",
        round=caller.round,
        kind=got.error,
        paid=dollars(reply.paid),
        turn=caller.turn,
        finish=got.finish,
        attempts=reply.attempts,
        retry_time=got.retry_time,
        queue_time=reply.queue_time,
    )


def _twins(plan: Plan, steps: tuple[Step, ...]) -> list[int]:
    """Per step, how many earlier steps have the same role on the same backbone.

    Like calls of one rollout are calls of their own, told apart by this number.
    """
    seen: Counter[tuple[str, str, str]] = Counter()
    numbers = []
    for step in steps:
        agent = plan.agents[step.agent]
        kind = (agent.role.name, agent.role.prompt, agent.backbone)
        numbers.append(seen[kind])
        seen[kind] += 1
    return numbers
