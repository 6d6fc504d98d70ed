"""`to_langgraph`: a plan as a compiled graph that LangGraph carries out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

from langgraph.graph import END, START, StateGraph

from abgnn.data.backbone import Backbone
from abgnn.data.catalogue import Catalogue
from abgnn.data.open_key import open_key
from abgnn.data.plan import Plan
from abgnn.frameworks.bridge import (
    check_plain,
    identifiers,
    reads,
    waits,
)
from abgnn.frameworks.langgraph.loops import loop_to_langgraph
from abgnn.frameworks.langgraph.talk import Call, Compiled, Talk, reply_of
from abgnn.rollout.clients.base import (
    Client,
    Completion,
    Messages,
    PeerMessage,
)
from abgnn.rollout.clients.openai import OpenAIClient


def to_langgraph(
    plan: Plan,
    catalogue: Catalogue,
    client: Client | None = None,
    key: Callable[[str], str] | None = None,
) -> Compiled:
    """The graph that a plan stands for: `await graph.ainvoke({"question": plan.query.text})`.

    Every node reads the question and the replies of those that the plan's edges lead from, worded
    as by abgnn's own executor. LangGraph works in steps: nobody starts before all of the step
    before have answered. A closed loop becomes a graph that decides after every answer whom to ask
    next; a call that fails ends nothing there.

    Args:
        plan: a graph of one round, or a closed loop.
        catalogue: the backbones that it names.
        client: how they are called; None: `OpenAIClient`. Whoever gives one closes it.
        key: what an answer of a closed loop comes down to; None: `abgnn.data.open_key`.

    Raises:
        ConfigError: an unknown backbone, a plan of another kind (rounds, program, budget).
    """
    if plan.program is None:
        check_plain(plan)
    caller = client or OpenAIClient()
    backbones = [_bounded(catalogue[a.backbone], a.max_tokens) for a in plan.agents]

    async def call(i: int, messages: Messages) -> Completion:
        completed = replace(messages, suffix=backbones[i].prompt_suffix)
        return await caller.complete(backbones[i], completed, query=plan.query, sample=0)

    if plan.program is None:
        return compiled(plan, call)
    return loop_to_langgraph(plan, call, key or open_key)


def names_of(plan: Plan) -> tuple[str, ...]:
    """Names of a plan's nodes."""
    return identifiers([agent.role for agent in plan.agents], taken=("question", "answer"))


def compiled(plan: Plan, call: Call) -> Compiled:
    """A graph whose nodes call like this; see `to_langgraph`."""
    names, sources, waited = names_of(plan), reads(plan), waits(plan)
    graph = StateGraph(Talk)
    for i, agent in enumerate(plan.agents):
        metadata = {
            "prompt": agent.role.prompt,
            "role": agent.role.name,
            "backbone": agent.backbone,
            "reads": [names[u] for u in sources[i]],
        }
        node: Any = _node(plan, i, names, sources[i], call)
        graph.add_node(names[i], node, metadata=metadata)
    for v, senders_of in enumerate(waited):
        starts = [names[u] for u in senders_of]
        graph.add_edge(starts or START, names[v])
    graph.add_edge(names[plan.decision], END)
    return graph.compile()


def _node(
    plan: Plan, i: int, names: Sequence[str], sources: Sequence[int], call: Call
) -> Callable[[Talk], Awaitable[Talk]]:
    """One agent: reads its predecessors' replies in the state, and adds its own."""
    role = plan.agents[i].role

    async def node(state: Talk) -> Talk:
        replies = state.get("replies", {})
        texts = [(plan.agents[u].role.name, replies[names[u]]["text"]) for u in sources]
        received = tuple(PeerMessage(name, text) for name, text in texts if text)
        made = await call(i, Messages(role, state["question"], received))
        update = Talk(replies={names[i]: reply_of(made)})
        if i == plan.decision:
            update["answer"] = made.text
        return update

    return node


def _bounded(backbone: Backbone, most: int | None) -> Backbone:
    limits = [n for n in (backbone.max_tokens, most) if n is not None]
    return replace(backbone, max_tokens=min(limits)) if limits else backbone
