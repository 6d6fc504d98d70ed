"""`loop_to_langgraph`: a closed loop as a graph of LangGraph's; it decides after every answer."""

from __future__ import annotations

import operator
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Annotated, Any, TypeAlias

from langgraph.graph import END, START, StateGraph

from abgnn.data.open_key import open_key
from abgnn.data.plan import Plan
from abgnn.errors import ConfigError
from abgnn.frameworks.bridge import identifiers
from abgnn.frameworks.langgraph.talk import Call, Compiled, Reply, Talk, reply_of
from abgnn.models.programs import ClosedLoopProgram
from abgnn.planning.closed_loop.lookahead import Asked, Step
from abgnn.rollout.clients.base import CallError, Messages, PeerMessage

DECIDE = "decide"
Key: TypeAlias = Callable[[str], str]


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
    program = plan.program
    at = f"Plan({plan.query.id}).program"
    if not isinstance(program, ClosedLoopProgram):
        raise ConfigError(at, type(program).__name__, "a closed loop, or none")
    if program.form_right and not program.scales:
        raise ConfigError(at, "programs run with examples", "closed loops of texts")
    names = identifiers([a.role for a in plan.agents], taken=("question", "answer", DECIDE))
    graph = StateGraph(LoopTalk)
    deciding: Any = _deciding(plan, program, names, key)
    graph.add_node(DECIDE, deciding)
    graph.add_edge(START, DECIDE)
    count = len(program.accuracy)
    for i, agent in enumerate(plan.agents):
        metadata = {
            "prompt": agent.role.prompt, "role": agent.role.name, "backbone": agent.backbone
        }  # fmt: skip
        node: Any = _asking(plan, i, names, call, reads=i >= count)
        graph.add_node(names[i], node, metadata=metadata)
        graph.add_edge(names[i], DECIDE)
    ways: dict[Hashable, str] = {name: name for name in (*names, END)}
    graph.add_conditional_edges(DECIDE, lambda state: state["ask"] or END, ways)
    return graph.compile()


def _deciding(
    plan: Plan, program: ClosedLoopProgram, names: Sequence[str], key: Key
) -> Callable[[LoopTalk], LoopTalk]:
    place, count = {name: i for i, name in enumerate(names)}, len(program.accuracy)

    def node(state: LoopTalk) -> LoopTalk:
        replies = state.get("replies", {})
        failed = {place[name] for name in state.get("failed", [])}
        for name, reply in replies.items():
            if place[name] >= count:  # a reader of all answers: its own stands
                return LoopTalk(ask=[], answer=reply["text"])
        asked = _answers(program, replies, place, key, plan.query.text)
        lost = {m for m in failed if m < count}
        step = program.decide(asked, lost, {m - count for m in failed - lost})
        if step.reader is not None:
            return LoopTalk(ask=[names[count + step.reader]], probability=step.probability)
        made = LoopTalk(ask=[names[m] for m in step.ask], probability=step.probability)
        return made if step.ask else _stopped(made, step, replies, names)

    return node


def _stopped(
    made: LoopTalk, step: Step, replies: Mapping[str, Reply], names: Sequence[str]
) -> LoopTalk:
    if step.answer is not None:
        made["answer"] = replies[names[step.answer]]["text"]
    return made


def _answers(
    program: ClosedLoopProgram,
    replies: Mapping[str, Reply],
    place: Mapping[str, int],
    key: Key,
    question: str,
) -> list[Asked]:
    return [
        program.read(place[name], reply["text"], key, question) for name, reply in replies.items()
    ]


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
