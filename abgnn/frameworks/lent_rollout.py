"""`Lender`: plans carried out by an executor while another event loop asks for their calls.

The other system runs on its user's loop; gateway, money, deadline and recording stay on the
executor's, and hold for the question as a whole.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace

from abgnn.data.backbone import Usage
from abgnn.data.outcome import CallRecord, Outcome
from abgnn.data.plan import Plan
from abgnn.data.program import AgentAnswer, Program, Stage
from abgnn.data.query import Query
from abgnn.frameworks.bridge import check_plain
from abgnn.frameworks.staged_calls import StagedCalls
from abgnn.rollout.calls import OnText
from abgnn.rollout.clients.base import CallError
from abgnn.rollout.executor import Executor


@dataclass(frozen=True, slots=True)
class Answered:
    """An agent's reply; empty where a budget or the deadline admits no call.

    Args:
        text, usage: the reply and its tokens.
        cost: USD, failed attempts included.
        backbone: who answered, where the agent's own was not to be reached; "": its own.
        finish: `stop`, or `length` if the reply was cut.
    """

    text: str
    usage: Usage = field(default_factory=Usage)
    cost: float = 0.0
    backbone: str = ""
    finish: str = "stop"


class Lender:
    """Calls of a plan's agents, question after question; each question is a rollout of its own.

    Args:
        plan: a graph of one round.
        executor: makes the calls.

    Raises:
        ConfigError: a plan of another kind, or with an unknown backbone.
    """

    def __init__(self, plan: Plan, executor: Executor) -> None:
        check_plain(plan, budgeted=True)
        for agent in plan.agents:
            _ = executor.catalogue[agent.backbone]
        self.plan, self.executor = plan, executor
        self._rollout: LentRollout | None = None

    def begin(self, question: str, streams: bool = False) -> None:
        """Start the rollout of a question; the one before ends.

        Args:
            question: what is asked.
            streams: whether the answer is passed on while it is written.
        """
        if self._rollout is not None:
            self._rollout.close()
        query = self.plan.query
        if question != query.text:
            query = Query(f"ask/{question}", question, query.domain)
        self._rollout = LentRollout(replace(self.plan, query=query), self.executor, streams)

    async def reply(self, agent: int, shown: str, on_text: OnText | None = None) -> Answered:
        """An agent's reply, see `StagedCalls.call`; with the last one's the rollout ends.

        Args:
            agent, shown: who is asked, and what it is shown.
            on_text: called with the pieces of the answer, on another thread; the last agent's only.

        Raises:
            CallError: the question has no answer: a call failed, or a limit left no time or money.
        """
        rollout = self._rollout
        assert rollout is not None, "`begin` comes first"
        try:
            last = agent == self.plan.decision
            answered = await rollout.call(agent, shown, on_text if last else None)
            if last:
                outcome = await rollout.outcome()
                if outcome.error is not None:
                    raise CallError(outcome.kind or "internal", outcome.error)
        except BaseException:
            rollout.close()
            raise
        return answered


class LentRollout:
    """One rollout under way. Whoever drops it ends it; calls under way are awaited and booked."""

    def __init__(self, plan: Plan, executor: Executor, streams: bool = False) -> None:
        self._lent = lent = Lent(plan)
        self._outcome = executor.submit(
            replace(plan, program=lent),
            on_call=lent.note,
            stop=lent.stop,
            on_text=lent.pass_on if streams else None,
        )
        self._outcome.add_done_callback(lambda _: lent.ready.cancel())
        # until then this holds what the loop itself holds weakly only: the rollout's task
        weakref.finalize(self, lent.end)

    async def call(self, agent: int, shown: str, on_text: OnText | None = None) -> Answered:
        """An agent's reply, see `Lender.reply`."""
        self._lent.on_text = on_text or self._lent.on_text
        await asyncio.shield(asyncio.wrap_future(self._lent.ready))
        work = asyncio.run_coroutine_threadsafe(self._lent.call(agent, shown), self._lent.loop)
        return await asyncio.wrap_future(work)

    async def outcome(self) -> Outcome:
        """End the rollout; what it was and cost."""
        self.close()
        return await asyncio.shield(asyncio.wrap_future(self._outcome))

    def close(self) -> None:
        """No call starts from now on."""
        self._lent.end()


class Lent(Program):
    """Keeps a rollout open until somebody else says that it is over."""

    loop: asyncio.AbstractEventLoop

    def __init__(self, plan: Plan) -> None:
        self.plan, self.stop = plan, threading.Event()
        self.ready: Future[None] = Future()
        self.on_text: OnText | None = None
        self._records: dict[int, list[CallRecord]] = {}
        self._over = asyncio.Event()

    async def run(self, stage: Stage) -> AgentAnswer | None:
        self.loop, self._calls = asyncio.get_running_loop(), StagedCalls(self.plan, stage)
        self.ready.set_result(None)
        if not self.stop.is_set():
            await self._over.wait()
        return self._calls.answer()

    async def call(self, agent: int, shown: str) -> Answered:
        text = await self._calls.call(agent, shown)
        made = self._records.get(agent, [])
        if not made:
            return Answered(text)
        usage = sum((record.usage for record in made), Usage())
        last, cost = made[-1], sum(record.cost for record in made)
        return Answered(text, usage, cost, last.backbone, last.finish)

    def pass_on(self, piece: str) -> None:
        if self.on_text is not None:
            self.on_text(piece)

    def note(self, record: CallRecord) -> None:
        self._records.setdefault(record.agent, []).append(record)

    def end(self) -> None:
        self.stop.set()
        if self.ready.done() and not self.ready.cancelled():
            with suppress(RuntimeError):  # the executor was closed
                self.loop.call_soon_threadsafe(self._over.set)
