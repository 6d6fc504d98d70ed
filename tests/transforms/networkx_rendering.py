"""Hop-limit pruning as one would write it down with networkx: short, plain and slow.

It recomputes the longest paths after every removal; the library's pruning is held against it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import networkx as nx


def critical_path(graph: nx.DiGraph, rank: Sequence[int]) -> list[int]:
    """The longest path in hops; ties by the lowest rank, of its end and of every predecessor."""
    hops: dict[int, int] = {}
    for v in nx.topological_sort(graph):
        hops[v] = max((hops[u] + 1 for u in graph.predecessors(v)), default=0)
    depth = max(hops.values(), default=0)
    path = [min((v for v in graph if hops[v] == depth), key=lambda v: rank[v])]
    while hops[path[0]]:
        on_longest = (u for u in graph.predecessors(path[0]) if hops[u] == hops[path[0]] - 1)
        path.insert(0, min(on_longest, key=lambda u: rank[u]))
    return path


def prune(
    num_nodes: int,
    edges: Sequence[tuple[int, int]],
    prob: Sequence[float],
    hop_limit: float,
    rank: Sequence[int],
) -> list[bool]:
    """Which of the (distinct) edges survive."""
    graph = nx.DiGraph()
    graph.add_nodes_from(range(num_nodes))
    graph.add_weighted_edges_from([(u, v, p) for (u, v), p in zip(edges, prob, strict=True)])
    while len(path := critical_path(graph, rank)) - 1 > hop_limit:
        hops = pairwise(path)
        graph.remove_edge(*min(hops, key=lambda e: graph.edges[e]["weight"]))
    return [graph.has_edge(u, v) for u, v in edges]
