"""Reading an AutoGen team: its agents, and who may read whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from autogen_agentchat.agents import AssistantAgent, MessageFilterAgent
from autogen_agentchat.teams import (
    BaseGroupChat,
    GraphFlow,
    RoundRobinGroupChat,
    SelectorGroupChat,
)
from autogen_core.models import ChatCompletionClient
from autogen_core.tools import StaticWorkbench

from abgnn.data.template import Edges, Role
from abgnn.errors import ConfigError
from abgnn.frameworks.autogen.context import PlanContext
from abgnn.frameworks.bridge import Drawn


@dataclass(frozen=True)
class Member:
    """An agent: its role, its settings as `AssistantAgent` takes them, the backbone if it says."""

    role: Role
    settings: Mapping[str, Any] = field(default_factory=dict)
    backbone: str | None = None

    def agent(
        self,
        name: str,
        client: ChatCompletionClient,
        context: PlanContext,
        metadata: Mapping[str, str],
    ) -> AssistantAgent:
        """A new `AssistantAgent` that is like this one."""
        return AssistantAgent(
            name,
            client,
            system_message=self.role.prompt,
            model_context=context,
            metadata=dict(metadata),
            **self.settings,
        )


@dataclass(frozen=True)
class Read:
    """Agents and edges of a team.

    Args:
        name: of the kind of team.
        members: the one that answers last.
        edges: who reads whom, as indices into members, those into the last one included.
    """

    name: str
    members: tuple[Member, ...]
    edges: Edges

    @property
    def drawn(self) -> Drawn:
        """The same without tools and settings."""
        roles = tuple(member.role for member in self.members)
        backbones = tuple(member.backbone for member in self.members)
        return Drawn(self.name, roles, self.edges, backbones)

    @property
    def by_role(self) -> Mapping[str, Member]:
        """Members by the name of their role."""
        return {member.role.name: member for member in self.members}


def read_team(team: object, answers: str | None = None) -> Read:
    """Agents and edges of a team.

    A group chat comes down to one turn of everybody in the order of its participants, each reading
    all who spoke before (or those whom its `MessageFilterAgent` lets through); a `GraphFlow` to its
    edges, whose conditions are dropped: from now on the policy decides who takes part.

    Args:
        team: `RoundRobinGroupChat`, `SelectorGroupChat` or `GraphFlow`.
        answers: AutoGen's name of the one whose reply is the answer; None: the last one of a group
            chat, the only leaf of a graph.

    Raises:
        ConfigError: another kind of team or agent, a loop, several leaves and no `answers`.
    """
    kinds = (RoundRobinGroupChat, SelectorGroupChat, GraphFlow)
    if not isinstance(team, kinds):
        allowed = ", ".join(kind.__name__ for kind in kinds)
        raise ConfigError("team", type(team).__name__, allowed)
    agents = _assistants(team)
    names = list(agents)
    edges = _edges_of(team, names)
    last = _answering(team, names, edges, answers)
    if any(u == last for u, _ in edges):
        if isinstance(team, GraphFlow):
            raise ConfigError("answers", names[last], "a leaf of the graph")
        edges = [(u, v) for u, v in edges if u != last]
        edges = sorted({*edges, *((u, last) for u in range(len(names)) if u != last)})
    order = [i for i in range(len(names)) if i != last] + [last]
    place = {agent: i for i, agent in enumerate(order)}
    members = tuple(_member(agents[names[i]]) for i in order)
    renamed = tuple(sorted((place[u], place[v]) for u, v in edges))
    return Read(type(team).__name__, members, renamed)


def _assistants(team: BaseGroupChat) -> dict[str, AssistantAgent]:
    """Agents by AutoGen's names, in the team's order."""
    agents: dict[str, AssistantAgent] = {}
    for i, participant in enumerate(team._participants):
        agent = (
            participant._wrapped_agent
            if isinstance(participant, MessageFilterAgent)
            else participant
        )
        if not isinstance(agent, AssistantAgent):
            allowed = "AssistantAgent, or MessageFilterAgent around one"
            raise ConfigError(f"team.participants[{i}]", type(agent).__name__, allowed)
        agents[participant.name] = agent
    return agents


def _edges_of(team: BaseGroupChat, names: list[str]) -> list[tuple[int, int]]:
    place = {name: i for i, name in enumerate(names)}
    if isinstance(team, GraphFlow):
        hidden = _only_waits(team)
        pairs = {
            (node.name, edge.target) for node in team._graph.nodes.values() for edge in node.edges
        }
        return sorted((place[u], place[v]) for u, v in pairs - hidden)
    edges = []
    for j, agent in enumerate(team._participants):
        sources: Sequence[str] = names[:j]
        if isinstance(agent, MessageFilterAgent):
            through = {one.source for one in agent._filter.per_source}
            sources = [name for name in sources if name in through]
        edges += [(place[name], j) for name in sources]
    return edges


def _only_waits(team: GraphFlow) -> set[tuple[str, str]]:
    """Edges of a flow of ours whose target waits for the source without reading it."""
    pairs = set()
    for agent in team._participants:
        context = getattr(agent, "_model_context", None)
        if isinstance(context, PlanContext):
            pairs |= {(name, agent.name) for name in context.team if name not in context.reads}
    return pairs


def _answering(
    team: BaseGroupChat, names: list[str], edges: list[tuple[int, int]], answers: str | None
) -> int:
    if answers is not None:
        if answers not in names:
            raise ConfigError("answers", answers, ", ".join(names))
        return names.index(answers)
    if not isinstance(team, GraphFlow):
        return len(names) - 1
    marked = [i for i, a in enumerate(team._participants) if _noted(a).get("answers") == "yes"]
    sends = {u for u, _ in edges}
    leaves = marked or [i for i in range(len(names)) if i not in sends]
    if len(leaves) != 1:
        shown = [names[i] for i in leaves]
        raise ConfigError("answers", None, f"the name of the one that answers, of {shown}")
    return leaves[0]


def _noted(agent: object) -> dict[str, str]:
    metadata = getattr(agent, "_metadata", None)
    return metadata if isinstance(metadata, dict) else {}


def _member(agent: AssistantAgent) -> Member:
    at = f"team.{agent.name}"
    if agent._handoffs:
        raise ConfigError(f"{at}.handoffs", list(agent._handoffs), "none: edges say who goes on")
    prompt = "\n".join(message.content for message in agent._system_messages)
    if not prompt.strip():
        raise ConfigError(f"{at}.system_message", None, "a text: policies tell agents apart by it")
    own = not all(isinstance(bench, StaticWorkbench) for bench in agent._workbench)
    tools = [tool.name for tool in agent._tools] + (["workbench"] if own else [])
    noted = _noted(agent)
    role = Role(noted.get("role", agent.name), prompt, ", ".join(tools) or None)
    return Member(role, _settings(agent, own), noted.get("backbone"))


def _settings(agent: AssistantAgent, own: bool) -> dict[str, Any]:
    """Arguments of `AssistantAgent`, without name, client, prompt and context."""
    return {
        "tools": list(agent._tools) or None,
        "workbench": list(agent._workbench) if own else None,
        "description": agent.description,
        "reflect_on_tool_use": agent._reflect_on_tool_use,
        "max_tool_iterations": agent._max_tool_iterations,
        "tool_call_summary_format": agent._tool_call_summary_format,
        "tool_call_summary_formatter": agent._tool_call_summary_formatter,
        "output_content_type": agent._output_content_type,
        "output_content_type_format": agent._output_content_type_format,
        "memory": None if agent._memory is None else list(agent._memory),
        "model_client_stream": agent._model_client_stream,
    }
