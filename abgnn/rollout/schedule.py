"""From a plan's graph to its calls: rounds unrolled into one DAG, checked before money is spent."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from graphlib import CycleError

from abgnn.data.plan import Edges, Plan, RoundGraph
from abgnn.data.template import topological_order
from abgnn.errors import ConfigError


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
    return _steps(len(plan.agents), plan.decision, round_graphs(plan), tuple(plan.edges))


@lru_cache(1 << 12)
def _steps(n: int, decision: int, graphs: tuple[RoundGraph, ...], edges: Edges) -> tuple[Step, ...]:
    """Of n agents; a policy has few graphs for many questions."""
    others = [a for a in range(n) if a != decision]
    last = len(graphs) - 1
    calls = [(r, a) for r in range(last + 1) for a in others if a not in graphs[r].absent]
    calls.append((last, decision))
    place = {call: i for i, call in enumerate(calls)}
    reads: list[list[int]] = [[] for _ in calls]
    earlier: list[list[int]] = [[] for _ in calls]
    for r, graph in enumerate(graphs):
        for u, v in sorted(graph.edges):
            reads[place[r, v]].append(place[r, u])
        for u, v in sorted(graph.temporal_edges) if r else ():
            earlier[place[r, v]].append(place[r - 1, u])
    for u in sorted(u for u, v in edges if v == decision):
        reads[-1].append(place[last, u])
    followers: list[list[int]] = [[] for _ in calls]
    for i in range(len(calls)):
        for source in (*earlier[i], *reads[i]):
            followers[source].append(i)
    return tuple(
        Step(a, r, tuple(earlier[i]), tuple(reads[i]), tuple(followers[i]))
        for i, (r, a) in enumerate(calls)
    )


def repeats(plan: Plan, steps: tuple[Step, ...]) -> list[int]:
    """Per step, how many earlier steps have the same role on the same backbone.

    This number distinguishes like calls of one rollout.
    """
    seen: Counter[tuple[str, str, str]] = Counter()
    numbers = []
    for step in steps:
        agent = plan.agents[step.agent]
        kind = (agent.role.name, agent.role.prompt, agent.backbone)
        numbers.append(seen[kind])
        seen[kind] += 1
    return numbers


def round_graphs(plan: Plan) -> tuple[RoundGraph, ...]:
    """Who speaks to whom among role agents in every round."""
    if plan.by_round:
        return tuple(plan.by_round)
    edges = tuple(e for e in plan.edges if e[1] != plan.decision)
    return (RoundGraph(edges, tuple(plan.temporal_edges)),) * plan.rounds


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
    _check_acyclic(plan, "edges", plan.edges)
    if plan.by_round:
        _check_rounds(plan)


def _check_acyclic(plan: Plan, field: str, edges: Edges) -> None:
    try:
        _order(len(plan.agents), tuple(edges))
    except CycleError as error:
        cycle = " -> ".join(str(a) for a in error.args[1])
        raise ConfigError(_at(plan, field), cycle, "an acyclic graph") from error


@lru_cache(1 << 12)
def _order(n: int, edges: Edges) -> tuple[int, ...]:
    return tuple(topological_order(n, edges))


def _check_rounds(plan: Plan) -> None:
    """Check every round's graph, and that no agent reads a silent one."""
    if len(plan.by_round) != plan.rounds:
        raise ConfigError(
            _at(plan, "by_round"), len(plan.by_round), f"one per round, {plan.rounds}"
        )
    silent: set[int] = set()  # in the round before
    for r, graph in enumerate(plan.by_round):
        field, absent = f"by_round[{r}]", set(graph.absent)
        _check_edges(plan, f"{field}.edges", graph.edges)
        _check_edges(plan, f"{field}.temporal_edges", graph.temporal_edges)
        _check_acyclic(plan, f"{field}.edges", graph.edges)
        if plan.decision in absent | {v for _, v in graph.edges}:
            raise ConfigError(_at(plan, field), plan.decision, "role agents only")
        reads = [(u, v, absent) for u, v in graph.edges]
        reads += [(u, v, silent) for u, v in graph.temporal_edges if r]
        for u, v, quiet in reads:
            if u in quiet or v in absent:
                raise ConfigError(_at(plan, field), (u, v), "no edge of a silent agent")
        silent = absent
    for u, v in plan.edges:
        if v == plan.decision and u in silent:
            raise ConfigError(_at(plan, "edges"), (u, v), "no edge of a silent agent")


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
