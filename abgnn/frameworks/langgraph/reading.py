"""What a LangGraph graph is: its nodes' prompts, and who may read whom."""

from __future__ import annotations

from typing import Any, TypeAlias

from langgraph.graph import END, StateGraph
from langgraph.graph.state import CompiledStateGraph

from abgnn.data.template import Role
from abgnn.errors import ConfigError
from abgnn.frameworks.bridge import Drawn

AnyGraph: TypeAlias = "StateGraph[Any, Any, Any, Any] | CompiledStateGraph[Any, Any, Any, Any]"


def read_graph(graph: object) -> Drawn:
    """Roles and edges of a graph; conditional edges are admissible like others.

    Raises:
        ConfigError: no `StateGraph`, a node without prompt, a branch that does not say where it
            leads, a loop, or not exactly one node that leads to the end.
    """
    builder = graph.builder if isinstance(graph, CompiledStateGraph) else graph
    if not isinstance(builder, StateGraph):
        raise ConfigError("graph", type(graph).__name__, "a StateGraph, compiled or not")
    roles, noted = {}, {}
    for name, node in builder.nodes.items():
        metadata = noted[name] = node.metadata or {}
        if not isinstance(metadata.get("prompt"), str):
            allowed = 'a node with metadata={"prompt": "You are …"}'
            raise ConfigError(f"graph.nodes[{name}]", sorted(metadata), allowed)
        roles[name] = Role(str(metadata.get("role", name)), metadata["prompt"])
    pairs = _pairs(builder)
    enders = [name for name in roles if (name, END) in pairs]
    if len(enders) != 1:
        raise ConfigError("graph", enders, "one node that leads to END: the one that answers")
    order = [*(name for name in roles if name != enders[0]), enders[0]]
    place = {name: i for i, name in enumerate(order)}
    edges = sorted((place[u], place[v]) for u, v in pairs if u in place and v in place)
    edges = [(u, v) for u, v in edges if order[u] in noted[order[v]].get("reads", order)]
    if any(u == len(order) - 1 for u, _ in edges):
        raise ConfigError("graph", enders[0], "an answering node that leads to END alone")
    backbones = tuple(noted[name].get("backbone") for name in order)
    return Drawn("LangGraph", tuple(roles[name] for name in order), tuple(edges), backbones)


def _pairs(builder: StateGraph[Any, Any, Any, Any]) -> set[tuple[str, str]]:
    pairs = set(builder.edges)
    pairs |= {(start, end) for starts, end in builder.waiting_edges for start in starts}
    for source, branches in builder.branches.items():
        for name, branch in branches.items():
            if branch.ends is None:
                allowed = "a path_map that says where it may lead"
                raise ConfigError(f"graph.branches[{source}]", name, allowed)
            pairs |= {(source, end) for end in branch.ends.values()}
    return pairs
