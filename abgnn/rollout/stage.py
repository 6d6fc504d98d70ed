"""The `Stage` of a `Program`: makes its calls, metered like all others."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import NoReturn

from abgnn.data.answer_key import answer_key
from abgnn.data.loop_step import LoopStep
from abgnn.data.outcome import CallRecord, ErrorKind
from abgnn.data.program import AgentAnswer, Stage
from abgnn.data.query import Query
from abgnn.rollout.clients.base import Messages, PeerMessage
from abgnn.rollout.rollout import AgentTurn, Rollout
from abgnn.rollout.schedule import Step

_ROUND = 1024  # repeats of an agent's later calls are numbered from here on


class Aborted(Exception):
    """A call failed, so the program ends."""


async def run_on_stage(
    rollout: Rollout, decide: Callable[[Stage], Awaitable[AgentAnswer | str | None]]
) -> AgentAnswer | None:
    """Run a program; its answer. Calls under way when it ends are awaited."""
    stage = _Stage(rollout)
    try:
        answer = await decide(stage)
    except Aborted:
        answer = None
    finally:
        await stage.settle()
    if isinstance(answer, str):
        answer = stage.last(answer)
    if answer is None and not rollout.failed:
        rollout.fail(*stage.reason())
    return answer


class _Stage:
    def __init__(self, rollout: Rollout) -> None:
        self._rollout, self._plan = rollout, rollout.plan
        self.answers: list[AgentAnswer] = []
        self._lost: list[tuple[AgentTurn, CallRecord]] = []  # failures that end nothing
        self._calls: Counter[int] = Counter()
        self._under_way: set[asyncio.Task[AgentAnswer | None]] = set()

    @property
    def query(self) -> Query:
        return self._plan.query

    def key(self, text: str) -> str:
        key = answer_key(self._rollout.context.task, self.query, text)
        return " ".join(text.split()) if key is None else key

    def note(self, step: LoopStep) -> None:
        self._rollout.note(step)

    def last(self, text: str) -> AgentAnswer | None:
        """A text as the answer once everything has ended; None: there was no answer."""
        if not self.answers:
            return None
        latest = max(self.answers, key=lambda a: a.end)
        end = max([latest.end, *(turn.end for turn, _ in self._lost)])
        clock = max([latest.clock, *(turn.clock for turn, _ in self._lost)])
        return AgentAnswer(latest.agent, latest.role, text, end, clock)

    def reason(self) -> tuple[ErrorKind, str]:
        """Why there is no answer."""
        if self._lost:
            record = self._lost[-1][1]
            return record.kind or "internal", f"{record.role} ({record.backbone}): {record.error}"
        if self._rollout.late:
            return "deadline", "no time was left for the answer"
        return "budget", "the query's budget admits no call"

    async def examples(self, answer: AgentAnswer) -> bool | None:
        step = Step(answer.agent, 0, (), (), ())
        turn = self._rollout.turn(step, 0, [answer], decides=True)
        return await self._rollout.examples(turn, answer.text)

    async def call(
        self,
        agent: int,
        reads: Sequence[AgentAnswer] = (),
        *,
        task: str | None = None,
        after: Sequence[AgentAnswer] = (),
        last: bool = False,
        number: int | None = None,
        vital: bool = True,
        final: bool = False,
    ) -> AgentAnswer | None:
        if self._rollout.failed:
            raise Aborted
        number = self._calls[agent] if number is None else number
        self._calls[agent] += 1
        step = Step(agent, number, (), (), ())
        repeat = self._repeat(agent) + _ROUND * number
        question = self.query.text if task is None else task
        received = tuple(PeerMessage(s.role, s.text) for s in reads)
        messages = Messages(self._plan.agents[agent].role, question, received)
        lost = () if vital else [turn for turn, _ in self._lost]
        turn = self._rollout.turn(step, repeat, (*reads, *after, *lost), decides=last)
        work = asyncio.ensure_future(self._carry_out(turn, messages, vital, final))
        self._under_way.add(work)
        work.add_done_callback(self._under_way.discard)
        return await asyncio.shield(work)

    async def settle(self) -> None:
        """Wait for calls still under way: they are billed even if their answers are not used."""
        while self._under_way:
            await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _carry_out(
        self, turn: AgentTurn, messages: Messages, vital: bool, final: bool
    ) -> AgentAnswer | None:
        rollout, gateway = self._rollout, self._rollout.context.gateway
        record = await rollout.work(turn, messages, answers=final)
        if record is not None and rollout.begun:
            self._lose(record)
        elif record is not None and record.kind == "budget" and not gateway.exhausted:
            rollout.forget(record)
        elif record is not None and not vital and record.kind not in ("deadline", "cancelled"):
            self._lost.append((turn, record))
        elif record is not None and record.kind != "deadline":
            self._lose(record)
        elif turn.text is None:
            rollout.late.add(turn.step.agent)
        if turn.text is None:
            return None  # what of it was paid is in the outcome's calls
        role = self._plan.agents[turn.step.agent].role.name
        answer = AgentAnswer(turn.step.agent, role, turn.text, turn.end, turn.clock)
        self.answers.append(answer)
        return answer

    def _lose(self, record: CallRecord) -> NoReturn:
        self._rollout.fail(record.kind or "internal", f"{record.role}: {record.error}")
        raise Aborted

    def _repeat(self, agent: int) -> int:
        """How many earlier agents have the same role on the same backbone."""
        agents = self._plan.agents
        return sum((a.role, a.backbone) == (agents[agent].role, agents[agent].backbone)
                   for a in agents[:agent])  # fmt: skip
