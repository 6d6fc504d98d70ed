"""`FrameworkTemplate`: the base of the ready-made systems; and `GraphFlowTemplate`."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, ClassVar, TypeVar

from abgnn.data.plan import Agent, Edges, Plan
from abgnn.data.program import AgentAnswer, Stage
from abgnn.data.query import Query
from abgnn.data.resources import config_path
from abgnn.data.template import Role, Template, topological_order
from abgnn.data.template_yaml import load_roles, read_template
from abgnn.errors import ConfigError
from abgnn.frameworks.bridge import check_plain

T = TypeVar("T")


class FrameworkTemplate(ABC):
    """A known kind of system, as a `StagedFramework` for `BaseMAS` and `Executor`.

    Kept agents talk in the system's own order; the decision agent answers. Of a plan of one agent,
    only that one is called. Calls that a budget or a deadline refuses are left out, and the others
    go on with what there is; without the decision agent's call there is no answer.

    Args:
        template: roles and the edges that a policy may choose from.
        domain: whose roles they are; None: anybody's. `BaseMAS` must be of the same one.

    Attributes:
        foreseeable: whether every agent is called once, along the plan's edges, which is what the
            planner foretells dollars and seconds of (`abgnn calibrate` refuses the others).
    """

    foreseeable: ClassVar[bool] = False

    def __init__(self, template: Template, domain: str | None = None) -> None:
        self._template, self.domain = template, domain

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.template.name!r}, roles={len(self.template.roles)})"

    @property
    def template(self) -> Template:
        """Roles and admissible edges."""
        return self._template

    @abstractmethod
    def calls(self, plan: Plan) -> int:
        """How many calls a plan takes, where none is refused and no tool asks for another one."""

    @abstractmethod
    async def act(self, plan: Plan, stage: Stage) -> AgentAnswer | None:
        """Carry out a plan of one round."""

    async def play(self, plan: Plan, stage: Stage) -> Any:
        """As `StagedFramework` has it.

        Raises:
            ConfigError: a plan with rounds, or a program, of its own.
        """
        check_plain(plan, budgeted=True)
        return await self.act(plan, stage)

    def vanilla(self, query: Query, backbone: str) -> Plan:
        """The system as it is: all roles and edges, everybody on one backbone."""
        at = self.template.decision
        agents = [Agent(role, backbone) for role in self.template.roles]
        decision = agents.pop(at)
        edges = [(u - (u > at), v - (v > at)) for u, v in self.template.edges]
        return Plan.team(query, agents, edges, decision)


class GraphFlowTemplate(FrameworkTemplate):
    """A graph of your own: an agent starts when all those that it reads have answered.

    Calls: one per agent.

    Args:
        template: a YAML file (`read_template`), or a template, of one round.
    """

    foreseeable = True

    def __init__(self, template: str | Template) -> None:
        made = read_template(config_path(template)) if isinstance(template, str) else template
        if made.rounds != 1 or made.temporal_edges:
            raise ConfigError("GraphFlowTemplate.template.rounds", made.rounds, "one round")
        super().__init__(made)

    def calls(self, plan: Plan) -> int:
        return len(plan.agents)

    async def act(self, plan: Plan, stage: Stage) -> AgentAnswer | None:
        async def speak(agent: int, received: Mapping[int, AgentAnswer]) -> AgentAnswer | None:
            last = agent == plan.decision
            return await stage.call(agent, tuple(received.values()), last=last)

        return (await walk(len(plan.agents), plan.edges, speak))[plan.decision]


async def walk(
    n: int,
    edges: Edges,
    act: Callable[[int, Mapping[int, AgentAnswer]], Awaitable[AgentAnswer | None]],
) -> list[AgentAnswer | None]:
    """Let n agents act, each as soon as all that it reads have answered; returns their answers.

    Args:
        n: number of agents.
        edges: a DAG.
        act: of an agent, and what it reads by sender, in agent order; agents without an answer are
            left out.
    """
    tasks: dict[int, asyncio.Future[AgentAnswer | None]] = {}

    async def one(agent: int) -> AgentAnswer | None:
        received = {u: await tasks[u] for u, v in sorted(edges) if v == agent}
        return await act(agent, {u: answer for u, answer in received.items() if answer is not None})

    for agent in topological_order(n, edges):
        tasks[agent] = asyncio.ensure_future(one(agent))
    return await together(tasks[agent] for agent in range(n))


async def together(calls: Iterable[Awaitable[T]]) -> list[T]:
    """All results, side by side; an error is raised once all others have ended."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]


def speakers(plan: Plan) -> list[int]:
    """All agents but the one that answers, in an order in which readers come after senders."""
    order = topological_order(len(plan.agents), plan.edges)
    return [agent for agent in order if agent != plan.decision]


def inner_edges(plan: Plan) -> Edges:
    """Edges among role agents, sorted."""
    return tuple(sorted(e for e in plan.edges if e[1] != plan.decision))


def senders(plan: Plan) -> set[int]:
    """Whom the decision agent reads."""
    return {u for u, v in plan.edges if v == plan.decision}


def neighbours(plan: Plan) -> dict[int, set[int]]:
    """Per agent, itself and whom an edge joins it with, whichever way it leads."""
    near = {agent: {agent} for agent in range(len(plan.agents))}
    for u, v in inner_edges(plan):
        near[u].add(v)
        near[v].add(u)
    return near


def domain_roles(domain: str, names: list[str] | None, n: int | None = None) -> tuple[Role, ...]:
    """Roles of a domain or a role file, the decision agent last.

    Args:
        domain: `general`, `math`, `code`, or a YAML file (`load_roles`).
        names: which roles, in which order; None: as they stand.
        n: how many role agents; beyond the last role they start anew, numbered. None: each once.
    """
    *roles, decision = load_roles(domain, names)
    if n is None:
        return (*roles, decision)
    at_least("n", n, 1)
    chosen = [_again(roles[i % len(roles)], i // len(roles)) for i in range(n)]
    return (*chosen, decision)


def at_least(field: str, value: object, lowest: int) -> int:
    """The value, if it is an integer from `lowest`; else ConfigError."""
    if not isinstance(value, int) or isinstance(value, bool) or value < lowest:
        raise ConfigError(f"framework.{field}", value, f"an integer from {lowest}")
    return value


def _again(role: Role, times: int) -> Role:
    return role if not times else Role(f"{role.name} {times + 1}", role.prompt, role.tool)
