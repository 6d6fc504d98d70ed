"""A LangGraph graph as a framework: its nodes call the LLMs themselves, or abgnn does."""

from __future__ import annotations

from collections.abc import AsyncIterator

from abgnn.data.backbone import Usage
from abgnn.data.catalogue import Catalogue
from abgnn.data.framework import Message
from abgnn.data.plan import Plan
from abgnn.frameworks.bridge import Drawn, Waits, imported
from abgnn.frameworks.langgraph.graphs import compiled, names_of, to_langgraph
from abgnn.frameworks.langgraph.reading import AnyGraph, read_graph
from abgnn.frameworks.langgraph.talk import usage_of
from abgnn.frameworks.staged_calls import StagedCalls
from abgnn.frameworks.team import CallingTeam, StagedTeam
from abgnn.rollout.clients.base import Client, Completion, Messages
from abgnn.rollout.clients.openai import OpenAIClient


def _read(graph: AnyGraph | str) -> Drawn:
    return read_graph(imported(graph, "graph") if isinstance(graph, str) else graph)


class StagedLangGraphTeam(StagedTeam):
    """A `StagedFramework`: LangGraph moves the state, abgnn's gateway makes the calls.

    Args:
        graph: see `from_langgraph`.
    """

    def __init__(self, graph: AnyGraph | str) -> None:
        super().__init__(_read(graph))

    async def carry_out(self, plan: Plan, calls: StagedCalls) -> None:
        """Carry a plan out by LangGraph."""

        async def call(i: int, messages: Messages) -> Completion:
            text = await calls.call(i, messages.chat()[1]["content"])
            return Completion(text, Usage(), 0.0)

        await compiled(plan, call).ainvoke({"question": plan.query.text})


class LangGraphTeam(CallingTeam):
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
        super().__init__(_read(graph), catalogue)
        self.client = client

    async def run(self, plan: Plan) -> AsyncIterator[Message]:
        """Carry a plan out; yields a message for each node when it is done."""
        client = self.client or OpenAIClient()
        graph = to_langgraph(plan, self.catalogue, client)
        place = {name: i for i, name in enumerate(names_of(plan))}
        waits = Waits(plan)
        try:
            async for update in graph.astream({"question": plan.query.text}, stream_mode="updates"):
                for name, change in update.items():
                    i, reply = place[name], change["replies"][name]
                    used, seconds = usage_of(reply), reply["seconds"]
                    yield Message(i, reply["text"], used, seconds, waits.after(i))
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
