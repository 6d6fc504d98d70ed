"""The critical path of one DAG, kept up to date while edges are removed (no torch)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Edge = tuple[int, int, float, int]
"""Source rank, target rank, probability, and the id that `drop_weakest` returns."""


class CriticalPath:
    """Longest paths of a DAG under the removal of the least probable critical edge.

    Nodes are ranks 0 ... n-1 and sets of nodes are the bits of an int, so that "the predecessor
    of lowest rank among those k hops deep" is a few operations, `s & -s` being the lowest bit of
    s. Every node points to its predecessor on a longest path. Removing an edge re-evaluates its
    target, then those that point to a node whose depth fell, in order of rank: each of them once.

    Args:
        hops: hops of the longest path that ends at each rank, [n].
        edges: from lower to higher ranks; of parallel edges the less probable one comes later.
    """

    def __init__(self, hops: Sequence[int], edges: Iterable[Edge]) -> None:
        n = len(hops)
        self.hops = list(hops)
        self.length = max(hops)
        self._level = [0] * (self.length + 1)  # which nodes are k hops deep
        self._sources = [0] * n
        self._edges: list[dict[int, list[tuple[float, int]]]] = [{} for _ in hops]
        self._parent, self._children = [-1] * n, [0] * n
        self._weight = [0.0] * n  # probability of the edge from the parent
        for v, depth in enumerate(hops):
            self._level[depth] |= 1 << v
        for u, v, prob, edge in edges:
            self._sources[v] |= 1 << u
            self._edges[v].setdefault(u, []).append((prob, edge))
        for v, depth in enumerate(hops):
            if depth:
                self._attach(v, self._sources[v] & self._level[depth - 1])

    def drop_weakest(self) -> int:
        """Remove the least probable edge of the critical path; returns its id."""
        parent, weights = self._parent, self._weight
        ends = self._level[self.length]
        v = weakest = (ends & -ends).bit_length() - 1
        weight = weights[v]
        for _ in range(self.length):
            if weights[v] <= weight:  # on a tie, nearest the start
                weakest, weight = v, weights[v]
            v = parent[v]
        source = parent[weakest]
        parallel = self._edges[weakest][source]
        _, edge = parallel.pop()
        if parallel:
            weights[weakest] = parallel[-1][0]
        else:
            self._sources[weakest] ^= 1 << source
            self._settle(weakest)
        return edge

    def _settle(self, first: int) -> None:
        """Re-evaluate a node that lost its parent, and those whose depth hangs on it."""
        hops, level, sources = self.hops, self._level, self._sources
        waiting = 1 << first
        while waiting:
            bit = waiting & -waiting
            waiting ^= bit
            v = bit.bit_length() - 1
            self._children[self._parent[v]] ^= bit
            old = depth = hops[v]
            while depth and not sources[v] & level[depth - 1]:
                depth -= 1
            if depth != old:
                level[old] ^= bit
                level[depth] |= bit
                hops[v] = depth
                waiting |= self._children[v]
            if depth:
                self._attach(v, sources[v] & level[depth - 1])
        while not level[self.length]:
            self.length -= 1

    def _attach(self, v: int, candidates: int) -> None:
        """Point to the predecessor of lowest rank among those on a longest path to v."""
        parent = (candidates & -candidates).bit_length() - 1
        self._parent[v] = parent
        self._children[parent] |= 1 << v
        self._weight[v] = self._edges[v][parent][-1][0]
