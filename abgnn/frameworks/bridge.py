"""What the bridges to other systems have in common: names, levels, and plans that can cross."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from abgnn.data.plan import Agent, Plan
from abgnn.data.query import Query
from abgnn.data.template import (
    Edges,
    Role,
    Template,
    topological_order,
)
from abgnn.errors import ConfigError
from abgnn.rollout.clients.base import Messages, PeerMessage
from abgnn.rollout.schedule import check_graph


def need(package: str, extra: str) -> None:
    """Raise ConfigError where an optional package is missing."""
    if find_spec(package) is None:
        room = extra.replace("-", "_")
        how = f"pip install 'abgnn[{extra}]'"
        raise ConfigError(f"abgnn.frameworks.{room}", f"no package {package}", how)


@dataclass(frozen=True)
class Drawn:
    """A system read as a graph: its roles, who reads whom, and the backbones, if stated.

    Args:
        name: of the kind of system.
        roles: the one that answers last.
        edges: as indices into roles, those into the last one included.
        backbones: one per role; None where the system does not say.
    """

    name: str
    roles: tuple[Role, ...]
    edges: Edges
    backbones: tuple[str | None, ...]

    @property
    def inner(self) -> Edges:
        """Edges without those into the last one: what a policy chooses from."""
        last = len(self.roles) - 1
        return tuple(e for e in self.edges if last not in e)

    @property
    def template(self) -> Template:
        """Roles and admissible edges."""
        return Template(self.name, self.roles, self.inner)

    def plan(self, query: Query, backbones: str | Sequence[str] | None = None) -> Plan:
        """The plan of all roles and all edges.

        Args:
            query: the question.
            backbones: one for all, or one each; None: those that the system names itself.

        Raises:
            ConfigError: an agent without a backbone.
        """
        n = len(self.roles)
        names = (backbones,) * n if isinstance(backbones, str) else backbones or self.backbones
        if len(names) != n or None in names:
            raise ConfigError("backbones", names, f"a name for each of {n} agents")
        agents = [Agent(role, str(b)) for role, b in zip(self.roles, names, strict=True)]
        return Plan(query, tuple(agents), self.edges, n - 1)


def check_plain(plan: Plan, *, budgeted: bool = False) -> None:
    """Check that another system can carry a plan out: one round of a graph.

    Args:
        plan: what is to be carried out.
        budgeted: whether calls are made within `plan.budget_usd`.

    Raises:
        ConfigError: no such plan; the field is named.
    """
    check_graph(plan)
    at = f"Plan({plan.query.id})"
    if plan.program is not None:
        raise ConfigError(f"{at}.program", type(plan.program).__name__, "none, in another system")
    if plan.rounds != 1 or plan.temporal_edges or plan.by_round:
        raise ConfigError(f"{at}.rounds", plan.rounds, "one round, in another system")
    if plan.budget_usd is not None and not budgeted:
        allowed = "none: calls of another system's own cannot be held within a budget"
        raise ConfigError(f"{at}.budget_usd", plan.budget_usd, allowed)


def reads(plan: Plan) -> tuple[tuple[int, ...], ...]:
    """Per agent, whom it reads, in agent order."""
    sources: list[list[int]] = [[] for _ in plan.agents]
    for u, v in sorted(plan.edges):
        sources[v].append(u)
    return tuple(tuple(senders) for senders in sources)


def waits(plan: Plan) -> tuple[tuple[int, ...], ...]:
    """Per agent, whom it waits for: those it reads; the one that answers waits for all."""
    sends = {u for u, _ in plan.edges}
    waited = [list(senders) for senders in reads(plan)]
    waited[plan.decision] += [
        a for a in range(len(plan.agents)) if a not in sends and a != plan.decision
    ]
    return tuple(tuple(sorted(w)) for w in waited)


def levels(waited: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """Per agent, how many others are in the longest chain that it waits for."""
    edges = [(u, v) for v, senders in enumerate(waited) for u in senders]
    level = [0] * len(waited)
    for v in topological_order(len(waited), edges):
        level[v] = max((level[u] + 1 for u in waited[v]), default=0)
    return tuple(level)


class Waits:
    """Which earlier messages a message of an agent has waited for, where a level waits for the
    levels before it.

    Args:
        plan: a graph of one round.
    """

    def __init__(self, plan: Plan) -> None:
        self._level = levels(waits(plan))
        self._speakers: list[int] = []  # agent of every message so far

    def after(self, agent: int) -> tuple[int, ...]:
        """Places of those messages; the agent's own earlier ones are among them."""
        level = self._level
        earlier = enumerate(self._speakers)
        places = tuple(k for k, j in earlier if j == agent or level[j] < level[agent])
        self._speakers.append(agent)
        return places


def identifiers(roles: Sequence[Role], taken: Collection[str] = ()) -> tuple[str, ...]:
    """A name for every agent that is a Python identifier, each once."""
    names: list[str] = []
    for role in roles:
        name = re.sub(r"\W", "_", role.name)
        base = name = name if name.isidentifier() else f"agent_{name}"
        number = 2
        while name in names or name in taken:
            name, number = f"{base}_{number}", number + 1
        names.append(name)
    return tuple(names)


def user_text(
    role: Role, question: str, replies: Sequence[tuple[str, str]], suffix: str = ""
) -> str:
    """The user message of an agent, as abgnn's own executor words it.

    Args:
        role: of the agent that reads it.
        question: of the plan.
        replies: name of role and reply of everyone that it reads, in agent order.
        suffix: of the backbone.
    """
    received = tuple(PeerMessage(name, text) for name, text in replies)
    return Messages(role, question, received, suffix).chat()[1]["content"]


def imported(name: str, field: str) -> Any:
    """What `module:attribute` names; a function is called for it.

    Raises:
        ConfigError: there is no such thing.
    """
    module, _, attribute = name.partition(":")
    allowed = "module:attribute of something that can be imported"
    try:
        target = getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(field, name, allowed) from error
    return target() if callable(target) else target
