"""`Framework`: how a system that is not ours carries out a plan, and what it tells of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from inspect import isasyncgenfunction, isawaitable, iscoroutinefunction
from math import isinf
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

from abgnn.catalogue import Usage
from abgnn.errors import ConfigError
from abgnn.rollout.plan import Plan
from abgnn.rollout.program import Said, Stage
from abgnn.rollout.stage import Aborted, run_on_stage
from abgnn.templates import Edges, Role, Template

if TYPE_CHECKING:
    from abgnn.rollout.one_rollout import Rollout


@dataclass(frozen=True, slots=True)
class Message:
    """What an agent said, in answer to a call that the framework made itself.

    Args:
        agent: index into the plan's agents.
        text: the reply.
        usage: tokens that the provider billed for it.
        seconds: of the call, from dispatch to last byte, tools included.
        after: which earlier messages of the list it waited for; None: the last ones of the agents
            that the plan's edges lead from.
    """

    agent: int
    text: str
    usage: Usage
    seconds: float
    after: tuple[int, ...] | None = None


Messages: TypeAlias = Iterable[Message] | Awaitable[Iterable[Message]] | AsyncIterable[Message]


@runtime_checkable
class Framework(Protocol):
    """A multi-agent system with LLM calls of its own: plug it in with these three.

    `roles` are its agents, the one whose output is the answer last; `edges` are who may tell whom,
    as indices into `roles`, without the last one (it reads everyone who is kept). `run` answers
    `plan.query.text` with `plan.agents` (a role and the name of a backbone each; some of the roles,
    in their order) and gives what was said, the answer last: a list or a generator, plain (it has a
    thread of its own) or async. What a generator gave before it failed is booked all the same.
    (What is returned is `Messages`; `Any` here, since configs compare annotations word for word.)
    """

    @property
    def roles(self) -> Sequence[Role]: ...
    @property
    def edges(self) -> Edges: ...
    def run(self, plan: Plan) -> Any: ...


@runtime_checkable
class StagedFramework(Protocol):
    """A system whose calls go through abgnn: capped, recorded, replayed, simulated like all others.

    `play` calls agents by `stage.call`, and returns what answers the question (`Said`, or a text),
    or None where no call was possible.
    """

    @property
    def template(self) -> Template: ...
    async def play(self, plan: Plan, stage: Stage) -> Any: ...


AnyFramework: TypeAlias = Framework | StagedFramework


def template_of(framework: AnyFramework) -> Template:
    """Roles and edges as the graph that policies choose from.

    Raises:
        ConfigError: neither protocol is kept, or the graph is none.
    """
    if isinstance(framework, StagedFramework):
        return framework.template
    if not isinstance(framework, Framework):
        allowed = "roles, edges and run(plan), or template and play(plan, stage)"
        raise ConfigError("framework", type(framework).__name__, f"an object with {allowed}")
    name = type(framework).__name__
    return Template(name, tuple(framework.roles), tuple(framework.edges))


async def run_framework(rollout: Rollout, framework: AnyFramework) -> Said | None:
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


class _Teller:
    """Books what a framework called by itself, message by message."""

    def __init__(self, rollout: Rollout) -> None:
        self.rollout, self.said = rollout, list[Said]()
        self._last: dict[int, Said] = {}

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

    def _waited(self, message: Message) -> list[Said]:
        if message.after is not None:
            return [self.said[k] for k in message.after]
        senders = [u for u, v in self.rollout.plan.edges if v == message.agent]
        return [self._last[u] for u in (*senders, message.agent) if u in self._last]


async def _told(rollout: Rollout, framework: Framework) -> Said | None:
    """What is said is booked as it comes, so that a failure later on loses none of it."""
    teller = _Teller(rollout)
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


async def _run(framework: Framework, plan: Plan, teller: _Teller) -> None:
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
