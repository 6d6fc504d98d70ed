"""A LangGraph graph as a framework: its nodes call the LLMs themselves, or abgnn does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from abgnn.data.backbone import Usage
from abgnn.data.catalogue import Catalogue
from abgnn.data.framework import Message
from abgnn.data.plan import Plan
from abgnn.data.program import AgentAnswer, Stage
from abgnn.data.query import Query
from abgnn.data.template import Edges, Role, Template
from abgnn.frameworks.bridge import (
    Drawn,
    check_plain,
    imported,
    levels,
    waits,
)
from abgnn.frameworks.langgraph.graphs import compiled, names_of, to_langgraph
from abgnn.frameworks.langgraph.reading import AnyGraph, read_graph
from abgnn.frameworks.langgraph.talk import usage_of
from abgnn.frameworks.staged_calls import StagedCalls
from abgnn.rollout.clients.base import Client, Completion, Messages
from abgnn.rollout.clients.openai import OpenAIClient


class _Team:
    """What both ways have in common: a graph that was read."""

    def __init__(self, graph: AnyGraph | str) -> None:
        self.graph = graph
        state_graph = imported(graph, "graph") if isinstance(graph, str) else graph
        self.drawn: Drawn = read_graph(state_graph)

    def plan(self, query: Query, backbones: str | Sequence[str] | None = None) -> Plan:
        """The graph as it stands, see `Drawn.plan`."""
        return self.drawn.plan(query, backbones)

    def __deepcopy__(self, memo: dict[int, object]) -> _Team:
        """Itself: nothing in it changes, and what users put into theirs need not be copyable."""
        return self

    def __repr__(self) -> str:
        names = ", ".join(role.name for role in self.drawn.roles)
        return f"{type(self).__name__}({names})"


class StagedLangGraphTeam(_Team):
    """A `StagedFramework`: LangGraph moves the state, abgnn's gateway makes the calls.

    Args:
        graph: see `from_langgraph`.
    """

    @property
    def template(self) -> Template:
        """Roles and admissible edges."""
        return self.drawn.template

    async def play(self, plan: Plan, stage: Stage) -> AgentAnswer | None:
        """Carry a plan out by LangGraph."""
        check_plain(plan, budgeted=True)
        desk = StagedCalls(plan, stage)

        async def call(i: int, messages: Messages) -> Completion:
            text = await desk.call(i, messages.chat()[1]["content"])
            return Completion(text, Usage(), 0.0)

        await compiled(plan, call).ainvoke({"question": plan.query.text})
        return desk.answer()


class LangGraphTeam(_Team):
    """A `Framework`: plans run as graphs of LangGraph's whose nodes call the LLMs themselves.

    Calls are booked with the usage and seconds that nodes leave in the state. Caps, recordings and
    replay do not reach them; the deadline does.

    Args:
        graph: see `from_langgraph`.
        catalogue: the backbones that plans name; or its YAML file.
        client: how they are called; None: `OpenAIClient`.
    """

    def __init__(
        self, graph: AnyGraph | str, catalogue: Catalogue | str, client: Client | None = None
    ) -> None:
        super().__init__(graph)
        self.client = client
        self.catalogue = Catalogue.from_yaml(catalogue) if isinstance(catalogue, str) else catalogue

    @property
    def roles(self) -> tuple[Role, ...]:
        """One per node, the one that answers last."""
        return self.drawn.roles

    @property
    def edges(self) -> Edges:
        """Who may read whom, without the last one."""
        return self.drawn.inner

    async def run(self, plan: Plan) -> AsyncIterator[Message]:
        """Carry a plan out; yields a message for each node when it is done."""
        client = self.client or OpenAIClient()
        graph = to_langgraph(plan, self.catalogue, client)
        place = {name: i for i, name in enumerate(names_of(plan))}
        level, speakers = levels(waits(plan)), list[int]()
        try:
            async for update in graph.astream({"question": plan.query.text}, stream_mode="updates"):
                for name, change in update.items():
                    i, reply = place[name], change["replies"][name]
                    after = tuple(k for k, j in enumerate(speakers) if level[j] < level[i])
                    speakers.append(i)
                    yield Message(i, reply["text"], usage_of(reply), reply["seconds"], after)
        finally:
            if self.client is None:
                await client.aclose()


def from_langgraph(
    graph: AnyGraph | str, catalogue: Catalogue | str | None = None, client: Client | None = None
) -> LangGraphTeam | StagedLangGraphTeam:
    """A graph that people already run, as the template of any policy.

    Args:
        graph: a `StateGraph`, compiled or not, or `module:attribute` of one.
        catalogue: given, nodes call the LLMs themselves (`LangGraphTeam`); None: by abgnn's
            gateway, capped, recorded or simulated (`StagedLangGraphTeam`).
        client: of nodes that call themselves; None: `OpenAIClient`.
    """
    if catalogue is None:
        return StagedLangGraphTeam(graph)
    return LangGraphTeam(graph, catalogue, client)
