"""`Rollout`: the execution of one plan, its calls on two clocks, their money, the outcome."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING, Protocol, TypeAlias

from abgnn.data.backbone import Backbone, Usage
from abgnn.data.loop_step import LoopStep
from abgnn.data.outcome import CallRecord, ErrorKind, Outcome
from abgnn.data.plan import Plan
from abgnn.data.program import AgentAnswer
from abgnn.data.template import Role
from abgnn.rollout.call_record import call_record, outcome_of, terse
from abgnn.rollout.calls import AnswerParts, Call, endpoint_failed
from abgnn.rollout.clients.base import Messages, Turn
from abgnn.rollout.ledger.base import Caller
from abgnn.rollout.ledger.money import picodollars
from abgnn.rollout.limits.query_cap import QueryCap
from abgnn.rollout.run_context import RunContext
from abgnn.rollout.schedule import Step

if TYPE_CHECKING:
    from abgnn.rollout.telemetry.spans import AgentSpan, RolloutSpan

Driver: TypeAlias = "Callable[[Rollout], Awaitable[Predecessor | None]]"


class Predecessor(Protocol):
    """An answer for those who wait for it: its end on both clocks; text None: not in time."""

    @property
    def end(self) -> float: ...
    @property
    def clock(self) -> float: ...
    @property
    def text(self) -> str | None: ...


@dataclass(slots=True)
class AgentTurn:
    """An agent's turn, and in the end its answer.

    Two clocks, both seconds since the plan's start: `end` is the latency's (service and tools),
    `clock` the deadline's (failed attempts and the waits between them on top).
    """

    step: Step
    repeat: int
    until: float
    end: float
    clock: float
    text: str | None = None  # None: nothing in time
    span: AgentSpan | None = None


class Rollout:
    """One plan under way: its calls, its clocks, its money; `run` once.

    The driver decides who is called when: the plan's graph (`graph_run`), its program
    (`stage`), or a framework (`framework_run`). After a failing call nothing new is dispatched, and
    the calls in flight are awaited, since they will be billed.

    Args:
        plan: what to execute.
        driver: makes the plan's calls and returns the answer to the question, or None.
        context: gateway, tools, backbones, phase.
        sample: which of the K rollouts of the query.
        age: when it began, in ns, no two the same; where calls wait, the lowest goes first.
    """

    def __init__(
        self, plan: Plan, driver: Driver, context: RunContext, sample: int, age: int = 0
    ) -> None:
        self.plan, self.driver, self.context, self.sample = plan, driver, context, sample
        self.age = age
        caps = (context.gateway.settings.caps.query_usd, plan.budget_usd)
        limits = [picodollars(cap) for cap in caps if cap is not None]
        self._query_cap = QueryCap(min(limits) if limits else None)
        self.deadline = context.gateway.settings.deadline.within(plan.deadline_s)
        self._records: list[CallRecord] = []
        self._steps: list[LoopStep] = []
        self._error: tuple[ErrorKind, str] | None = None
        self._parts = None if context.on_text is None else AnswerParts(context.on_text)
        self.late: set[int] = set()  # agents that the deadline kept from answering
        self._span: RolloutSpan | None = None

    async def run(self) -> Outcome:
        """Execute; a failing call is reported in the outcome. Raises only when cancelled."""
        context = self.context
        if context.tracing is None:
            return await self._run()
        self._span = context.tracing.rollout(
            self.plan, self._workflow(), context.phase, self.sample, context.origin
        )
        with self._span:
            outcome = await self._run()
            self._span.close(outcome)
        return outcome

    async def _run(self) -> Outcome:
        began = time.perf_counter()
        answer = await self.driver(self)
        return self._outcome(answer, time.perf_counter() - began)

    def turn(
        self, step: Step, repeat: int, waits_for: Sequence[Predecessor], *, decides: bool
    ) -> AgentTurn:
        """The turn of an agent that starts when the last answer it waits for has ended."""
        return AgentTurn(
            step,
            repeat,
            self.deadline.allowed_until(decides=decides),
            end=max((w.end for w in waits_for), default=0.0),
            clock=max((w.clock for w in waits_for), default=0.0),
        )

    async def work(
        self, turn: AgentTurn, messages: Messages, *, answers: bool = False
    ) -> CallRecord | None:
        """Make an agent's calls until its tool has no further output; the failed one, if any.

        Args:
            turn, messages: of the agent.
            answers: whether its reply is the answer, whatever it says: then it is passed on while
                it is written, if somebody wants that and no tool changes it.
        """
        parts = self._parts if answers and self._role(turn).tool is None else None
        if self._span is None:
            return await self._work(turn, messages, parts)
        i = turn.step.agent
        turn.span = self._span.agent(i, self.plan.agents[i], turn.step.round)
        with turn.span:
            failed = await self._work(turn, messages, parts)
            if failed is not None:
                turn.span.fail(failed.kind or "internal", failed.error)
            elif turn.text is None:
                turn.span.fail("deadline")
        return failed

    async def _work(
        self, turn: AgentTurn, messages: Messages, parts: AnswerParts | None
    ) -> CallRecord | None:
        while turn.clock < turn.until:
            record = await self._called(turn, messages, parts)
            if record.error is not None:
                return record
            turn.text = record.text
            again = await self._tooled(turn, record, messages)
            if again is None:
                break
            messages = again
        return None

    async def _called(
        self, turn: AgentTurn, messages: Messages, parts: AnswerParts | None
    ) -> CallRecord:
        """A call by the agent's backbone, or by that one's fallback."""
        backbones, agent = self.context.backbones, self.plan.agents[turn.step.agent]
        backbone = backbones[agent.backbone]
        while True:
            backbone = terse(backbone, agent.max_tokens)
            if messages.suffix != backbone.prompt_suffix:
                messages = replace(messages, suffix=backbone.prompt_suffix)
            caller = self._caller(turn, backbone, len(messages.turns))
            left = turn.until - turn.clock
            call = Call(
                caller,
                backbone,
                messages,
                self.plan.query,
                turn.repeat,
                left,
                self._query_cap,
                self.age,
                self.context.stop,
                parts,
                turn.span,
            )
            reply = await self.context.gateway.call(call)
            record = call_record(caller, reply, backbone, turn.end)
            turn.clock += record.retry_time + record.service_time
            self._book_record(record)
            if not endpoint_failed(reply.response) or backbone.fallback is None or call.begun:
                turn.end = record.end
                return record
            backbone = backbones[backbone.fallback]

    def fail(self, kind: ErrorKind, message: str) -> None:
        """Stop dispatching calls; the outcome reports the first failure."""
        if self._error is None:
            self._error = kind, message

    @property
    def failed(self) -> bool:
        """Whether the rollout is lost."""
        return self._error is not None

    @property
    def begun(self) -> bool:
        """Whether something of the answer was passed on: no other one can take its place."""
        return self._parts is not None and self._parts.begun

    def note(self, step: LoopStep) -> None:
        """Add a decision to the outcome, and report it."""
        self._steps.append(step)
        if self.context.on_step is not None:
            self.context.on_step(step)

    def forget(self, record: CallRecord) -> None:
        """Remove the record of a call that the query's budget did not admit, so never made."""
        self._records.remove(record)

    async def _tooled(
        self, turn: AgentTurn, record: CallRecord, messages: Messages
    ) -> Messages | None:
        """Run the role's tool on a reply; the agent's next messages, or None: its turn is over."""
        role = self._role(turn)
        if role.tool is None:
            return None
        caller = self._caller(turn, self.context.backbones[record.backbone], record.turn)
        used = await self.context.tools.use(
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

    async def passes_examples(self, turn: AgentTurn, text: str) -> bool:
        """Whether a program that an agent reads passes the question's public examples."""
        return bool(await self.examples(turn, text))

    async def examples(self, turn: AgentTurn, text: str) -> bool | None:
        """The same; None: there are no examples, or there is no program."""
        backbone = self.context.backbones[self.plan.agents[turn.step.agent].backbone]
        caller = self._caller(turn, backbone, 0)
        return await self.context.tools.examples(self.plan.query, text, caller)

    def book(
        self, agent: int, text: str, usage: Usage, seconds: float, start: float
    ) -> AgentAnswer:
        """Book a call that a framework made for this rollout, as if it were ours."""
        backbone = self.context.backbones[self.plan.agents[agent].backbone]
        number = sum(record.agent == agent for record in self._records)
        turn = AgentTurn(Step(agent, number, (), (), ()), 0, inf, start, start)
        caller = self._caller(turn, backbone, 0)
        reply = self.context.gateway.book(caller, backbone, text, usage, seconds)
        record = call_record(caller, reply, backbone, start)
        self._book_record(record)
        if self._span is not None:
            self._span.book(self.plan.agents[agent], caller, backbone, record)
        return AgentAnswer(agent, caller.role, text, record.end, record.end)

    def _role(self, turn: AgentTurn) -> Role:
        return self.plan.agents[turn.step.agent].role

    def _book_record(self, record: CallRecord) -> None:
        self._records.append(record)
        if self.context.on_call is not None:
            self.context.on_call(record)

    def _workflow(self) -> str:
        """What calls the agents: the plan's program, the framework, or its graph."""
        driver = self.plan.program or self.context.framework
        return "graph" if driver is None else type(driver).__name__

    def _caller(self, turn: AgentTurn, backbone: Backbone, number: int) -> Caller:
        return Caller(
            run=self.context.gateway.settings.recording.run,
            phase=self.context.phase,
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

    def _outcome(self, answer: Predecessor | None, wall_time: float) -> Outcome:
        kind, error = self._error or (None, None)
        ended = None if kind or answer is None else (answer.text or "", answer.end)
        made = outcome_of(self.plan, self.sample, self._records, ended, wall_time)
        late = () if kind else tuple(sorted(self.late))
        return replace(made, error=error, kind=kind, late=late, steps=tuple(self._steps))
