"""`Framework`: a multi-agent system that is not ours, and the messages that a run of it returns."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

from abgnn.data.backbone import Usage
from abgnn.data.plan import Plan
from abgnn.data.program import Stage
from abgnn.data.template import Edges, Role, Template
from abgnn.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Message:
    """The reply of an agent to a call that the framework made itself.

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
    """A multi-agent system that makes its own LLM calls, plugged in by three members.

    `roles` are its agents, the one whose output is the answer last; `edges` are the admissible
    messages, as indices into `roles`, without the last one (it reads everyone who is kept). `run`
    answers `plan.query.text` with `plan.agents` (a role and the name of a backbone each; some of
    the roles, in their order) and returns the messages, the answer last: a list or a generator,
    plain (it has a thread of its own) or async. What a generator yielded before it failed is booked
    as well. (What is returned is `Messages`; `Any` here, since configs compare annotations word for
    word.)
    """

    @property
    def roles(self) -> Sequence[Role]: ...
    @property
    def edges(self) -> Edges: ...
    def run(self, plan: Plan) -> Any: ...


@runtime_checkable
class StagedFramework(Protocol):
    """A system whose calls abgnn makes, so that they can be capped, recorded or simulated.

    `play` calls agents by `stage.call`, and returns what answers the question (`AgentAnswer`, or a
    text), or None where no call was possible.
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
