"""MasRouter's collaboration modes as plans, and what the controller reads of modes and tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from abgnn.data.plan import Agent, Plan
from abgnn.data.query import Query
from abgnn.data.template import Edges, Role


@dataclass(frozen=True, slots=True)
class Mode:
    """How agents work together before the decision agent reads all of them.

    Args:
        name: as in the paper.
        description: what the controller embeds.
        edges: messages within a round: `none`, each to the `next`, or to all `later` ones.
        temporal: messages between rounds: `none`, from all `others`, or from one's own `self`.
        rounds: calls per agent.
        instruction: a sentence that is added to every role agent's prompt.
    """

    name: str
    description: str
    edges: Literal["none", "next", "later"] = "none"
    temporal: Literal["none", "others", "self"] = "none"
    rounds: int = 1
    instruction: str = ""


MODES = (
    Mode("IO", "Agents answer directly and independently of each other, one call each."),
    Mode(
        "CoT",
        "Agents reason in explicit intermediate steps, independently of each other, before they "
        "state an answer. Suits questions that need several deductions.",
        instruction="Reason step by step before you state your answer.",
    ),
    Mode(
        "Chain",
        "Agents work in a line: each reads the answer of the one before and builds on it. Suits "
        "tasks that split into consecutive stages.",
        edges="next",
    ),
    Mode(
        "FullConnected",
        "Agents speak in turn and each reads the answers of all who spoke before. Suits broad "
        "questions where every view should be known to the next expert.",
        edges="later",
    ),
    Mode(
        "Debate",
        "Agents answer, then read what all the others answered, object or concede, and answer "
        "again. Suits contested questions where first answers are likely to differ.",
        temporal="others",
        rounds=2,
        instruction="Where others' answers are shown, weigh them against your own, and say which "
        "of them you refute or adopt.",
    ),
    Mode(
        "Reflection",
        "Agents answer alone, then go over their own answer, look for mistakes and correct it. "
        "Suits tasks where slips are likely and can be checked.",
        temporal="self",
        rounds=2,
        instruction="Where an earlier answer of your own is shown, look for mistakes in it and "
        "return a corrected one.",
    ),
)

TASKS = {
    "general": "Questions of common sense and general knowledge, from history, law, medicine, "
    "science and other subjects, often with several options to choose from.",
    "math": "Mathematical problems: word problems, algebra, geometry, counting and proofs, whose "
    "answer is a number or an expression.",
    "code": "Programming problems: write a function that does what its description says and "
    "passes unit tests.",
}


def mode_plan(
    mode: Mode, query: Query, roles: Sequence[Role], backbones: Sequence[str], decision: Agent
) -> Plan:
    """One plan: agents in the order drawn, then the decision agent, who reads them all.

    In Debate nobody reads the own previous answer: the released masks admit it, and its cycle test
    then drops it. A debate of one agent is two independent calls.
    """
    n = len(roles)
    agents = [Agent(_instructed(r, mode), name) for r, name in zip(roles, backbones, strict=True)]
    team = Plan.team(query, agents, _messages(mode.edges, n), decision)
    if mode.rounds == 1 and mode.temporal == "none":
        return team
    return replace(team, temporal_edges=_messages(mode.temporal, n), rounds=mode.rounds)


@lru_cache(maxsize=256)
def _instructed(role: Role, mode: Mode) -> Role:
    return replace(role, prompt=f"{role.prompt} {mode.instruction}") if mode.instruction else role


@lru_cache(maxsize=256)
def _messages(rule: str, n: int) -> Edges:
    """Messages (u, v) among n agents."""
    return tuple((u, v) for u in range(n) for v in range(n) if _sends(rule, u, v))


def _sends(rule: str, u: int, v: int) -> bool:
    """Whether u's message goes to v."""
    return {"next": v == u + 1, "later": u < v, "others": u != v, "self": u == v}.get(rule, False)
