"""`loop_to_langgraph`: a closed loop as a graph of LangGraph's; it decides after every answer."""

from __future__ import annotations

import operator
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Annotated, Any

from langgraph.graph import END, START, StateGraph

from abgnn.data.open_key import open_key
from abgnn.data.plan import Plan
from abgnn.frameworks.bridge import identifiers
from abgnn.frameworks.langgraph.talk import Call, Compiled, Talk, reply_of
from abgnn.frameworks.loop_moves import Key, LoopMoves
from abgnn.rollout.clients.base import CallError, Messages, PeerMessage

DECIDE = "decide"


class LoopTalk(Talk, total=False):
    """As `Talk`; `failed`: nodes whose call has failed; `ask`: who is asked next; `probability`:
    that the answer is right."""

    failed: Annotated[list[str], operator.add]
    ask: list[str]
    probability: float


def loop_to_langgraph(plan: Plan, call: Call, key: Key = open_key) -> Compiled:
    """A node for every agent, and one that decides whom to ask next or to stop.

    Args:
        plan: its program is a closed loop.
        call: calls an agent.
        key: of an answer; "": it has none.

    Raises:
        ConfigError: another program, or one whose answers are programs, which only abgnn's own
            executor runs with public examples.
    """
    moves = LoopMoves(plan, key)
    names = identifiers([a.role for a in plan.agents], taken=("question", "answer", DECIDE))
    graph = StateGraph(LoopTalk)
    deciding: Any = _deciding(moves, names)
    graph.add_node(DECIDE, deciding)
    graph.add_edge(START, DECIDE)
    for i, agent in enumerate(plan.agents):
        metadata = {
            "prompt": agent.role.prompt, "role": agent.role.name, "backbone": agent.backbone
        }  # fmt: skip
        node: Any = _asking(plan, i, names, call, reads=moves.reads(i))
        graph.add_node(names[i], node, metadata=metadata)
        graph.add_edge(names[i], DECIDE)
    ways: dict[Hashable, str] = {name: name for name in (*names, END)}
    graph.add_conditional_edges(DECIDE, lambda state: state["ask"] or END, ways)
    return graph.compile()


def _deciding(moves: LoopMoves, names: Sequence[str]) -> Callable[[LoopTalk], LoopTalk]:
    place = {name: i for i, name in enumerate(names)}

    def node(state: LoopTalk) -> LoopTalk:
        replies = {place[name]: reply["text"] for name, reply in state.get("replies", {}).items()}
        move = moves.after(replies, {place[name] for name in state.get("failed", [])})
        made = LoopTalk(ask=[names[m] for m in move.ask])
        if move.probability is not None:
            made["probability"] = move.probability
        if move.answer is not None:
            made["answer"] = move.answer
        return made

    return node


def _asking(
    plan: Plan, i: int, names: Sequence[str], call: Call, *, reads: bool
) -> Callable[[LoopTalk], Awaitable[LoopTalk]]:
    """An agent that answers afresh, or reads all answers so far."""
    roles = {name: agent.role.name for name, agent in zip(names, plan.agents, strict=True)}

    async def node(state: LoopTalk) -> LoopTalk:
        replies = state.get("replies", {}) if reads else {}
        received = tuple(PeerMessage(roles[name], reply["text"]) for name, reply in replies.items())
        try:
            made = await call(i, Messages(plan.agents[i].role, state["question"], received))
        except CallError:
            return LoopTalk(failed=[names[i]])
        return LoopTalk(replies={names[i]: reply_of(made)})

    return node
