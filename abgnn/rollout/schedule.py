"""From a plan's graph to its calls: rounds unrolled into one DAG, checked before money is spent."""

from __future__ import annotations

from dataclasses import dataclass
from graphlib import CycleError

from abgnn.errors import ConfigError
from abgnn.rollout.plan import Edges, Plan
from abgnn.templates import topological_order


@dataclass(frozen=True, slots=True)
class Step:
    """One call of the unrolled plan; the last step of a schedule is the decision.

    Args:
        agent: index into the plan's agents.
        round: from 0.
        earlier: steps of the previous round that it reads, in agent order.
        reads: steps of its own round that it reads, in agent order.
        followers: steps that read it.
    """

    agent: int
    round: int
    earlier: tuple[int, ...]
    reads: tuple[int, ...]
    followers: tuple[int, ...]


def schedule(plan: Plan) -> tuple[Step, ...]:
    """The calls of a plan: all role agents once per round, then the decision agent once.

    Raises:
        ConfigError: no agent, no round, an index out of range, an edge twice, a cycle within a
            round, or an edge from the decision agent (it is called last).
    """
    check_graph(plan)
    others = [a for a in range(len(plan.agents)) if a != plan.decision]
    calls = [(r, a) for r in range(plan.rounds) for a in others]
    calls.append((plan.rounds - 1, plan.decision))
    place = {call: i for i, call in enumerate(calls)}
    reads: list[list[int]] = [[] for _ in calls]
    earlier: list[list[int]] = [[] for _ in calls]
    for r in range(plan.rounds):
        for u, v in sorted(plan.edges):
            if (r, v) in place:  # the decision agent acts in the last round only
                reads[place[r, v]].append(place[r, u])
        for u, v in sorted(plan.temporal_edges) if r else ():
            earlier[place[r, v]].append(place[r - 1, u])
    followers: list[list[int]] = [[] for _ in calls]
    for i in range(len(calls)):
        for source in (*earlier[i], *reads[i]):
            followers[source].append(i)
    return tuple(
        Step(a, r, tuple(earlier[i]), tuple(reads[i]), tuple(followers[i]))
        for i, (r, a) in enumerate(calls)
    )


def check_graph(plan: Plan) -> None:
    """Raise ConfigError for a graph that cannot be executed, see `schedule`."""
    n = len(plan.agents)
    if n == 0:
        raise ConfigError(_at(plan, "agents"), (), "at least one agent")
    if plan.rounds < 1:
        raise ConfigError(_at(plan, "rounds"), plan.rounds, "an integer from 1")
    if not 0 <= plan.decision < n:
        raise ConfigError(_at(plan, "decision"), plan.decision, f"an index from 0 to {n - 1}")
    _check_edges(plan, "edges", plan.edges)
    _check_edges(plan, "temporal_edges", plan.temporal_edges)
    try:
        topological_order(n, plan.edges)
    except CycleError as error:
        cycle = " -> ".join(str(a) for a in error.args[1])
        raise ConfigError(_at(plan, "edges"), cycle, "an acyclic graph") from error


def _check_edges(plan: Plan, field: str, edges: Edges) -> None:
    n = len(plan.agents)
    for u, v in edges:
        if not (0 <= u < n and 0 <= v < n):
            raise ConfigError(_at(plan, field), (u, v), f"indices from 0 to {n - 1}")
        if u == plan.decision:
            raise ConfigError(_at(plan, field), (u, v), "no edge from the decision agent")
        if v == plan.decision and field == "temporal_edges":
            raise ConfigError(_at(plan, field), (u, v), "no temporal edge to the decision agent")
    if len(set(edges)) < len(edges):
        raise ConfigError(_at(plan, field), edges, "every edge once")


def _at(plan: Plan, field: str) -> str:
    return f"Plan({plan.query.id}).{field}"
