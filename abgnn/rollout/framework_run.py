"""`Framework`: how a system that is not ours carries out a plan, and what it tells of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable
from functools import partial
from inspect import isasyncgenfunction, isawaitable, iscoroutinefunction
from math import isinf

from abgnn.data.framework import AnyFramework, Framework, Message, Messages, StagedFramework
from abgnn.data.plan import Plan
from abgnn.data.program import AgentAnswer
from abgnn.errors import ConfigError
from abgnn.rollout.rollout import Rollout
from abgnn.rollout.stage import Aborted, run_on_stage


async def run_framework(rollout: Rollout, framework: AnyFramework) -> AgentAnswer | None:
    """Carry a plan out in a framework; whatever fails in it fails this rollout alone."""
    plan = rollout.plan
    try:
        if isinstance(framework, StagedFramework):
            return await run_on_stage(rollout, lambda stage: framework.play(plan, stage))
        return await _told(rollout, framework)
    except Aborted:
        return None
    except Exception as error:  # somebody else's code: neighbours go on
        rollout.fail("internal", f"{type(framework).__name__}: {type(error).__name__}: {error}")
        return None


class MessageRecorder:
    """Books what a framework called by itself, message by message."""

    def __init__(self, rollout: Rollout) -> None:
        self.rollout, self.said = rollout, list[AgentAnswer]()
        self._last: dict[int, AgentAnswer] = {}

    def tell(self, message: Message) -> None:
        n, i = len(self.rollout.plan.agents), len(self.said)
        if not 0 <= message.agent < n:
            raise ConfigError(f"messages[{i}].agent", message.agent, f"an index below {n}")
        if message.after is not None and not all(0 <= k < i for k in message.after):
            raise ConfigError(f"messages[{i}].after", message.after, f"places below {i}")
        start = max((said.end for said in self._waited(message)), default=0.0)
        said = self.rollout.book(message.agent, message.text, message.usage, message.seconds, start)
        self.said.append(said)
        self._last[message.agent] = said

    def _waited(self, message: Message) -> list[AgentAnswer]:
        if message.after is not None:
            return [self.said[k] for k in message.after]
        senders = [u for u, v in self.rollout.plan.edges if v == message.agent]
        return [self._last[u] for u in (*senders, message.agent) if u in self._last]


async def _told(rollout: Rollout, framework: Framework) -> AgentAnswer | None:
    """What is said is booked as it comes, so that a failure later on loses none of it."""
    teller = MessageRecorder(rollout)
    until = rollout.deadline.allowed_until(decides=True)
    try:
        await asyncio.wait_for(
            _run(framework, rollout.plan, teller), None if isinf(until) else until
        )
    except asyncio.TimeoutError:
        rollout.fail("deadline", f"deadline: {type(framework).__name__} took more than {until:g} s")
        return None
    if not teller.said:
        rollout.fail("empty", f"{type(framework).__name__} said nothing")
        return None
    return teller.said[-1]


async def _run(framework: Framework, plan: Plan, teller: MessageRecorder) -> None:
    plain = not (iscoroutinefunction(framework.run) or isasyncgenfunction(framework.run))
    found: Messages = await asyncio.to_thread(framework.run, plan) if plain else framework.run(plan)
    if isinstance(found, AsyncIterable):
        async for said in found:
            teller.tell(said)
        return
    rest = iter(await found if isawaitable(found) else found)
    following: Callable[[], Message | None] = partial(next, rest, None)
    while (message := await asyncio.to_thread(following)) is not None:
        teller.tell(message)
