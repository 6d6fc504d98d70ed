"""Running a flow: its events, and its calls as messages of a framework."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

from autogen_agentchat.base import TaskResult
from autogen_agentchat.messages import BaseAgentEvent, BaseChatMessage
from autogen_agentchat.teams import GraphFlow
from autogen_core import CancellationToken

from abgnn.data.framework import Message
from abgnn.data.plan import Plan
from abgnn.frameworks.autogen.clients import Made, MeteredClient
from abgnn.frameworks.autogen.flow import names_of
from abgnn.frameworks.bridge import Waits


class Ledger:
    """Turns the calls that the meters recorded into messages of a framework."""

    def __init__(self, plan: Plan, clients: Sequence[MeteredClient]) -> None:
        self.clients = clients
        self.place = {name: i for i, name in enumerate(names_of(plan))}
        self._waits = Waits(plan)
        self._count = [0] * len(clients)

    def spoken(self, event: BaseChatMessage) -> list[Message]:
        """The calls of an agent that has spoken; its words are those of the last call."""
        agent = self.place[event.source]
        calls = self._new(agent)
        if not calls:
            return []
        ended = time.perf_counter() if calls[-1].tools else calls[-1].ended
        *before, last = self._messages(agent, calls, ended)
        return [*before, Message(agent, event.to_text(), last.usage, last.seconds, last.after)]

    def rest(self) -> list[Message]:
        """Calls of agents that never got to speak."""
        messages: list[Message] = []
        for agent in range(len(self.clients)):
            calls = self._new(agent)
            messages += self._messages(agent, calls, calls[-1].ended if calls else 0.0)
        return messages

    def _new(self, agent: int) -> list[Made]:
        made = self.clients[agent].made[self._count[agent] :]
        self._count[agent] += len(made)
        return made

    def _messages(self, agent: int, calls: Sequence[Made], ended: float) -> list[Message]:
        """One each; a call lasts until the next one begins: tools are in it."""
        messages = []
        for k, call in enumerate(calls):
            until = calls[k + 1].began if k + 1 < len(calls) else ended
            after = self._waits.after(agent)
            messages.append(Message(agent, call.text, call.usage, until - call.began, after))
        return messages


async def events_of(
    team: GraphFlow, task: str
) -> AsyncIterator[BaseAgentEvent | BaseChatMessage | TaskResult]:
    """What happens in a team; whoever stops listening stops the team."""
    queue: asyncio.Queue[BaseAgentEvent | BaseChatMessage | TaskResult | None] = asyncio.Queue()
    token = CancellationToken()

    async def listen() -> None:
        async for event in team.run_stream(task=task, cancellation_token=token):
            queue.put_nowait(event)

    work = asyncio.create_task(listen())
    work.add_done_callback(lambda _: queue.put_nowait(None))
    try:
        while (event := await queue.get()) is not None:
            yield event
        await work
    finally:
        token.cancel()
        with suppress(Exception, asyncio.CancelledError):
            await work
