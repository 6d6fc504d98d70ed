"""Hop-limit pruning of DAGs (paper section 3.2.3, Eq. 8): on one graph or a whole batch.

`index_select` stands where `x[index]` would read better: on a CPU the latter is split over threads
from 3,000 entries on, and on busy cores waiting for them takes milliseconds (measured: 2 us, 7 ms).
"""

from __future__ import annotations

from graphlib import CycleError
from itertools import islice

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.transforms import BaseTransform

from abgnn.data.template import topological_order
from abgnn.errors import ConfigError
from abgnn.transforms.critical_path import CriticalPath
from abgnn.transforms.keep import count_graphs, keep_edges

_SHORT = 32  # hops up to which all edges are looked at once per hop


class HopLimitPruning(BaseTransform):  # type: ignore[misc]
    r"""Prunes a DAG until its longest path has at most `hop_limit` hops (paper Eq. 8).

    With :math:`\ell(E)` the hops (edges) of the longest path,

    .. math::
        \textbf{while}\ \ell(E) > H_{\max}:\quad
        E \leftarrow E \setminus \arg\min_{(u, v) \in \mathrm{critical}(E)} p_{uv}

    The critical path ends at the node of lowest rank among those with the longest path and goes
    back through the predecessor of lowest rank among those on a longest path. Of equally probable
    edges the one nearest the start of the path goes. So permuting the nodes permutes the result.

    Shapes:
        - `edge_index [2, E]`, `edge_prob [E]`;
        - `hop_limit`: in hops, `[1]` on a Data, `[B]` on a Batch; 2.5 allows 2 hops, inf any;
        - `rank [N]`, optional: distinct within a graph and increasing along edges. Without it, a
          topological order in which the lowest node index comes first;
        - returns the data (a shallow copy) with the surviving edges and every edge-level
          attribute cut alike. A Batch stays one: `to_data_list()` gives the pruned graphs.

    Raises:
        ConfigError: a missing or misshapen attribute, NaN, a negative limit, a cyclic graph, an
            edge along which the rank does not increase.
    """

    def forward(self, data: Data) -> Data:
        edge_index, num_graphs = data.edge_index, count_graphs(data)
        prob = _attribute(data, "edge_prob", edge_index.size(1))
        limit = _attribute(data, "hop_limit", num_graphs)
        if bool((limit < 0).any()):
            raise ConfigError("data.hop_limit", limit.tolist(), "0 or more hops")
        rank = _rank(data)
        batch = edge_index.new_zeros(rank.numel()) if data.get("batch") is None else data.batch
        everything = torch.ones_like(prob, dtype=torch.bool)
        mask, _ = hop_limit_mask(edge_index, prob, everything, limit, rank, batch, num_graphs)
        return keep_edges(data, mask)


def longest_path(edge_index: Tensor, edge_mask: Tensor, rank: Tensor, num_nodes: int) -> Tensor:
    """Hops of the longest path that ends at each node, [N] long, over a whole batch at once.

    Args:
        edge_index: [2, E].
        edge_mask: [E] bool, the edges that exist.
        rank: [N], increasing along existing edges (it need not be consecutive).
        num_nodes: N.

    Raises:
        ConfigError: an edge along which the rank does not increase (the graph may be cyclic).
    """
    src, dst = edge_index.index_select(1, edge_mask.nonzero().view(-1))  # [E']
    backward = rank.index_select(0, src) >= rank.index_select(0, dst)
    if bool(backward.any()):
        edge = (int(src[backward][0]), int(dst[backward][0]))
        raise ConfigError("edge_index", edge, "edges along which the rank increases")
    hops = edge_index.new_zeros(num_nodes)  # [N]
    for _ in range(_SHORT):
        longer = hops.scatter_reduce(0, dst, hops.index_select(0, src) + 1, "amax")
        if torch.equal(longer, hops):
            return hops
        hops = longer
    return _node_by_node(src, dst, rank)


def _node_by_node(src: Tensor, dst: Tensor, rank: Tensor) -> Tensor:
    """The same where paths are long: every edge is looked at once, as the nodes rise in rank."""
    by_rank = rank.index_select(0, src).argsort(stable=True)  # [E']
    targets = dst.index_select(0, by_rank).cpu().numpy()
    senders = src.index_select(0, by_rank).cpu().numpy()
    first = np.flatnonzero(np.diff(senders, prepend=-1))  # of each sender's run
    runs = np.diff(first, append=len(senders))
    hops, start = np.zeros(len(rank), dtype=np.int64), 0
    for node, count in zip(senders[first].tolist(), runs.tolist(), strict=True):
        to = targets[start : start + count]
        hops[to] = np.maximum(hops[to], hops[node] + 1)
        start += count
    return torch.from_numpy(hops).to(src.device)


def hop_limit_mask(
    edge_index: Tensor,
    edge_prob: Tensor,
    edge_mask: Tensor,
    hop_limit: Tensor,
    rank: Tensor,
    batch: Tensor,
    num_graphs: int,
) -> tuple[Tensor, Tensor]:
    """The functional core of `HopLimitPruning`: masks, no deletions; no gradient.

    Args:
        edge_index: [2, E].
        edge_prob: [E].
        edge_mask: [E] bool, the edges that were sampled.
        hop_limit: [B] in hops; below 0 counts as 0.
        rank: [N], increasing along sampled edges, distinct within a graph.
        batch: [N] graph of each node.
        num_graphs: B.

    Returns:
        mask [E] bool, the sampled edges that survive; longest [B] long, hops of the longest path
        of each graph *before* pruning.
    """
    hops = longest_path(edge_index, edge_mask, rank, rank.numel())  # [N]
    longest = hops.new_zeros(num_graphs).scatter_reduce(0, batch, hops, "amax")  # [B]
    violated = longest > hop_limit  # [B]
    mask = edge_mask.clone()
    if bool(violated.any()):
        over = violated.index_select(0, batch).index_select(0, edge_index[0])  # [E]
        edges = (edge_mask & over).nonzero().view(-1)  # [E']
        limits = hop_limit.clamp(min=0).tolist()
        mask[_dropped(edge_index, edge_prob, edges, hops, rank, batch, limits)] = False
    return mask, longest


def _dropped(
    edge_index: Tensor,
    edge_prob: Tensor,
    edges: Tensor,
    hops: Tensor,
    rank: Tensor,
    batch: Tensor,
    limits: list[float],
) -> list[int]:
    """Ids of the edges to drop, out of `edges [E']`: all those of the graphs over their limit.

    In NumPy, whose operations on few entries take a fraction of the time.
    """
    ids, graph_of, depth = (x.cpu().numpy() for x in (edges, batch, hops))
    prob = edge_prob.detach().index_select(0, edges).double().cpu().numpy()
    src, dst = edge_index.index_select(1, edges).cpu().numpy()  # [E'] each
    order = np.lexsort((rank.cpu().numpy(), graph_of))  # [N] nodes by graph, then by rank
    sizes = np.bincount(graph_of, minlength=len(limits))  # [B]
    first = sizes.cumsum() - sizes  # [B]
    local = np.empty_like(order)
    local[order] = np.arange(len(order)) - first.repeat(sizes)  # [N] ranks from 0 in each graph
    graph = graph_of[src]
    falling = np.lexsort((-prob, graph))  # graph by graph, the most probable first
    columns = (local[src], local[dst], prob, ids)
    members = zip(*(x[falling].tolist() for x in columns), strict=True)
    depths, starts, counts = depth[order].tolist(), first.tolist(), sizes.tolist()
    dropped: list[int] = []
    for g, number in enumerate(np.bincount(graph, minlength=len(limits)).tolist()):
        if number:
            inside = depths[starts[g] : starts[g] + counts[g]]
            dropped += CriticalPath(inside, islice(members, number)).cut(limits[g])
    return dropped


def _attribute(data: Data, key: str, size: int) -> Tensor:
    """A float or int attribute of the data as a tensor of `size` entries without NaN."""
    value = data.get(key)
    if value is None:
        raise ConfigError(f"data.{key}", None, f"{size} numbers")
    tensor = torch.as_tensor(value, device=data.edge_index.device).view(-1)
    if tensor.numel() != size:
        raise ConfigError(f"data.{key}", f"{tensor.numel()} numbers", f"{size} numbers")
    if bool(tensor.isnan().any()):
        raise ConfigError(f"data.{key}", "NaN", "numbers")
    return tensor


def _rank(data: Data) -> Tensor:
    """The given rank [N], or places in a topological order: the node order where it is one."""
    edge_index, batch = data.edge_index, data.get("batch")
    rank: Tensor | None = data.get("rank")
    if rank is not None:
        needed = int(edge_index.max()) + 1 if edge_index.numel() else 0
        if rank.numel() < needed or (batch is not None and rank.numel() != batch.numel()):
            raise ConfigError("data.rank", f"{rank.numel()} numbers", "one per node (num_nodes)")
        return rank
    if bool((edge_index[0] < edge_index[1]).all()):
        return torch.arange(data.num_nodes, device=edge_index.device)
    try:
        order = topological_order(data.num_nodes, edge_index.t().tolist())
    except CycleError as e:
        cycle = " -> ".join(map(str, e.args[1]))
        raise ConfigError("data.edge_index", cycle, "an acyclic graph") from e
    return torch.tensor(order, device=edge_index.device).argsort()
