"""The critical path of one DAG, kept up to date while edges are removed (no torch)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf

Edge = tuple[int, int, float, int]
"""Source rank, target rank, probability, and the id that `cut` returns."""


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
        self._bit = bit = [1 << v for v in range(n)]
        self._level = [0] * (self.length + 1)  # which nodes are k hops deep
        self._sources = sources = [0] * n
        self._edge: list[dict[int, tuple[float, int]]] = [{} for _ in hops]  # by target and source
        self._parallel: dict[tuple[int, int], list[tuple[float, int]]] = {}  # the more probable
        self._parent, self._children = [-1] * n, [0] * n
        self._weight = [0.0] * n  # probability of the edge from the parent
        for u, v, prob, edge in edges:
            own = self._edge[v]
            if u in own:
                self._parallel.setdefault((u, v), []).append(own[u])
            own[u] = prob, edge
            sources[v] |= bit[u]
        for v, depth in enumerate(hops):
            self._level[depth] |= bit[v]
            if depth:
                self._attach(v, sources[v] & self._level[depth - 1])

    def cut(self, limit: float) -> list[int]:
        """Remove edges until no path has more than `limit` hops; returns their ids in turn.

        Each time the least probable edge of the critical path; on a tie, the one nearest its start.
        The path is kept from its end to the target of the edge that was removed: only where that
        node's depth falls it is followed anew.
        """
        dropped: list[int] = []
        if self.length <= limit:
            return dropped
        parents, children, weights, edges = self._parent, self._children, self._weight, self._edge
        level, hops, sources, bits = self._level, self.hops, self._sources, self._bit
        path: list[int] = []  # targets of its edges, from the end to the start
        weakest: list[int] = []  # place of the least probable edge so far
        v = self._end()
        while True:
            place = weakest[-1] if path else 0
            weight = weights[path[place]] if path else inf
            while (up := parents[v]) >= 0:
                if weights[v] <= weight:
                    weight, place = weights[v], len(path)
                path.append(v)
                weakest.append(place)
                v = up
            v = path[place]
            source, own = parents[v], edges[v]
            dropped.append(own[source][1])
            if more := self._parallel.get((source, v)):
                own[source] = more.pop()
                weights[v] = own[source][0]
            else:
                sources[v] ^= bits[source]
                found = sources[v] & level[hops[v] - 1]
                if not found:
                    self._settle(v)
                    if self.length <= limit:
                        return dropped
                    path, weakest, v = [], [], self._end()
                    continue
                children[source] ^= bits[v]
                parents[v] = up = (found & -found).bit_length() - 1
                children[up] |= bits[v]
                weights[v] = own[up][0]
            del path[place:], weakest[place:]

    def _end(self) -> int:
        """Where the critical path ends: of equally deep nodes the one of lowest rank."""
        ends = self._level[self.length]
        return (ends & -ends).bit_length() - 1

    def _settle(self, v: int) -> None:
        """Re-evaluate a node that lost its parent, and those whose depth hangs on it."""
        hops, level, sources, bits = self.hops, self._level, self._sources, self._bit
        parents, children, weights, edges = self._parent, self._children, self._weight, self._edge
        waiting = bit = bits[v]
        while waiting:
            waiting ^= bit
            children[parents[v]] ^= bit
            depth = hops[v]
            found = sources[v] & level[depth - 1]
            if not found:
                level[depth] ^= bit
                waiting |= children[v]
                while depth > 1 and not found:
                    depth -= 1
                    found = sources[v] & level[depth - 1]
                hops[v] = depth = depth if found else 0
                level[depth] |= bit
            if found:
                parents[v] = parent = (found & -found).bit_length() - 1
                children[parent] |= bit
                weights[v] = edges[v][parent][0]
            else:
                parents[v] = -1
            bit = waiting & -waiting
            v = bit.bit_length() - 1
        while not level[self.length]:
            self.length -= 1

    def _attach(self, v: int, candidates: int) -> None:
        """Point to the predecessor of lowest rank among those on a longest path to v."""
        parent = (candidates & -candidates).bit_length() - 1
        self._parent[v] = parent
        self._children[parent] |= self._bit[v]
        self._weight[v] = self._edge[v][parent][0]
