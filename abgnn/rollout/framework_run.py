"""Runs a plan in a `Framework` (a multi-agent system that is not ours) and books its calls."""

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
        return await _book_messages(rollout, framework)
    except Aborted:
        return None
    except Exception as error:  # foreign code: other rollouts go on
        rollout.fail("internal", f"{type(framework).__name__}: {type(error).__name__}: {error}")
        return None


class MessageRecorder:
    """Books the calls that a framework made itself, message by message."""

    def __init__(self, rollout: Rollout) -> None:
        self.rollout, self.answers = rollout, list[AgentAnswer]()
        self._last: dict[int, AgentAnswer] = {}

    def record(self, message: Message) -> None:
        n, i = len(self.rollout.plan.agents), len(self.answers)
        if not 0 <= message.agent < n:
            raise ConfigError(f"messages[{i}].agent", message.agent, f"an index below {n}")
        if message.after is not None and not all(0 <= k < i for k in message.after):
            raise ConfigError(f"messages[{i}].after", message.after, f"places below {i}")
        start = max((earlier.end for earlier in self._waited(message)), default=0.0)
        answer = self.rollout.book(
            message.agent, message.text, message.usage, message.seconds, start
        )
        self.answers.append(answer)
        self._last[message.agent] = answer

    def _waited(self, message: Message) -> list[AgentAnswer]:
        if message.after is not None:
            return [self.answers[k] for k in message.after]
        senders = [u for u, v in self.rollout.plan.edges if v == message.agent]
        return [self._last[u] for u in (*senders, message.agent) if u in self._last]


async def _book_messages(rollout: Rollout, framework: Framework) -> AgentAnswer | None:
    """Run the framework; messages are booked as they come, so that a later failure loses none."""
    recorder = MessageRecorder(rollout)
    until = rollout.deadline.allowed_until(decides=True)
    try:
        await asyncio.wait_for(
            _run(framework, rollout.plan, recorder), None if isinf(until) else until
        )
    except asyncio.TimeoutError:
        rollout.fail("deadline", f"deadline: {type(framework).__name__} took more than {until:g} s")
        return None
    if not recorder.answers:
        rollout.fail("empty", f"{type(framework).__name__} said nothing")
        return None
    return recorder.answers[-1]


async def _run(framework: Framework, plan: Plan, recorder: MessageRecorder) -> None:
    plain = not (iscoroutinefunction(framework.run) or isasyncgenfunction(framework.run))
    messages: Messages = (
        await asyncio.to_thread(framework.run, plan) if plain else framework.run(plan)
    )
    if isinstance(messages, AsyncIterable):
        async for message in messages:
            recorder.record(message)
        return
    rest = iter(await messages if isawaitable(messages) else messages)
    following: Callable[[], Message | None] = partial(next, rest, None)
    while (next_message := await asyncio.to_thread(following)) is not None:
        recorder.record(next_message)
