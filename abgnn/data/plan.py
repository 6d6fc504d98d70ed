"""`Plan`: what a policy decides for one query, and what execution carries out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from abgnn.data.program import Program, program_from_dict, program_to_dict
from abgnn.data.query import Query
from abgnn.data.template import Role

Edges = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Agent:
    """A role with the name of the backbone that plays it.

    `max_tokens` bounds its replies below what the backbone allows.
    """

    role: Role
    backbone: str
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class RoundGraph:
    """The graph of one round, where rounds differ.

    Args:
        edges: messages (u, v) of this round among role agents; a DAG.
        temporal_edges: messages from the round before.
        absent: agents that are silent in this round; no edge of it may touch them.
    """

    edges: Edges
    temporal_edges: Edges = ()
    absent: tuple[int, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; `from_dict` restores it."""
        return {
            "edges": [list(e) for e in self.edges],
            "temporal_edges": [list(e) for e in self.temporal_edges],
            "absent": list(self.absent),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RoundGraph:
        """The graph that `to_dict` wrote."""
        return cls(_edges(data["edges"]), _edges(data["temporal_edges"]), tuple(data["absent"]))


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be executed for one query: a graph, or a program that decides as it goes.

    Args:
        query: the question.
        agents: who takes part; edges hold indices into it.
        edges: messages (u, v) of one round, those into the decision agent included; a DAG.
        decision: index of the agent whose output is the answer: the decision agent, or the lone
            agent of a plan of one.
        temporal_edges: messages from one round to the next.
        rounds: how often the graph is executed.
        by_round: one graph per round where rounds differ; then `edges` into the decision agent
            are what it reads in the last round, and the others serve pictures only.
        program: who is called when, decided by the answers so far (`abgnn.data.program.Program`);
            it may call the agents only, each as often as it likes, and edges serve pictures only.
        budget_usd: dollars that this query may cost at most; a call whose worst case (every
            byte of the prompt a token, all of `max_tokens`) does not fit is not made. Backbones
            need `max_tokens` then.
        deadline_s: seconds until this query's answer, where that is less than what all have
            (`abgnn.rollout.Deadline`); agents that are late are left out.
        early_exit: a role agent that reads a program which passes the question's public examples
            hands it on as its own answer, without a call (code of the AgentPrune family).
    """

    query: Query
    agents: tuple[Agent, ...]
    edges: Edges
    decision: int
    temporal_edges: Edges = ()
    rounds: int = 1
    by_round: tuple[RoundGraph, ...] = ()
    program: Program | None = None
    budget_usd: float | None = None
    deadline_s: float | None = None
    early_exit: bool = False

    @classmethod
    def team(
        cls,
        query: Query,
        agents: Sequence[Agent],
        edges: Iterable[tuple[int, int]] = (),
        decision: Agent | None = None,
        senders: Iterable[int] | None = None,
    ) -> Plan:
        """One round of role agents with a decision agent, or of an agent that answers alone.

        Args:
            query: the question.
            agents: the role agents.
            edges: messages (u, v) among them.
            decision: the decision agent; it becomes the last agent. None: the last of `agents`
                (a lone agent as a rule) answers.
            senders: the role agents that the decision agent reads; None: all of them.
        """
        if decision is None:
            return cls(query, tuple(agents), tuple(edges), len(agents) - 1)
        last = len(agents)
        final = ((i, last) for i in (range(last) if senders is None else senders))
        return cls(query, (*agents, decision), (*edges, *final), last)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able; `from_dict` restores it (the query's gold answer and meta are left out)."""
        return {
            "query": {"id": self.query.id, "text": self.query.text, "domain": self.query.domain},
            "agents": [
                {
                    "role": a.role.name,
                    "prompt": a.role.prompt,
                    "tool": a.role.tool,
                    "backbone": a.backbone,
                    **({"max_tokens": a.max_tokens} if a.max_tokens is not None else {}),
                }
                for a in self.agents
            ],
            "edges": [list(e) for e in self.edges],
            "temporal_edges": [list(e) for e in self.temporal_edges],
            "rounds": self.rounds,
            "decision": self.decision,
            **({"by_round": [r.to_dict() for r in self.by_round]} if self.by_round else {}),
            **({"program": program_to_dict(self.program)} if self.program else {}),
            **({"budget_usd": self.budget_usd} if self.budget_usd is not None else {}),
            **({"deadline_s": self.deadline_s} if self.deadline_s is not None else {}),
            **({"early_exit": True} if self.early_exit else {}),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Plan:
        """The plan that `to_dict` wrote."""
        return cls(
            query=Query(**data["query"]),
            agents=tuple(
                Agent(Role(a["role"], a["prompt"], a["tool"]), a["backbone"], a.get("max_tokens"))
                for a in data["agents"]
            ),
            edges=_edges(data["edges"]),
            decision=data["decision"],
            temporal_edges=_edges(data["temporal_edges"]),
            rounds=data["rounds"],
            by_round=tuple(RoundGraph.from_dict(r) for r in data.get("by_round", ())),
            program=program_from_dict(data["program"]) if "program" in data else None,
            budget_usd=data.get("budget_usd"),
            deadline_s=data.get("deadline_s"),
            early_exit=data.get("early_exit", False),
        )

    def to_mermaid(self) -> str:
        """The plan as a Mermaid flow chart; temporal edges are dotted. A closed loop's is the
        graph of its decisions."""
        if self.program is not None:
            drawn = self.program.to_mermaid([f"{a.role.name}: {a.backbone}" for a in self.agents])
            if drawn is not None:
                return drawn
        lines = ["flowchart LR"]
        for i, a in enumerate(self.agents):
            left, right = ("([", "])") if i == self.decision else ("[", "]")
            lines.append(f'  a{i}{left}"{a.role.name}<br/>{a.backbone}"{right}')
        lines += [f"  a{u} --> a{v}" for u, v in self.edges]
        lines += [f"  a{u} -.-> a{v}" for u, v in self.temporal_edges]
        return "\n".join(lines)


def _edges(pairs: Iterable[Sequence[int]]) -> Edges:
    return tuple((u, v) for u, v in pairs)
