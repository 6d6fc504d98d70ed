"""Acyclic orientation: only edges along which the rank increases stay."""

from __future__ import annotations

from torch_geometric.data import Data
from torch_geometric.transforms import BaseTransform

from abgnn.errors import ConfigError
from abgnn.transforms.keep import keep_edges


class AcyclicOrientation(BaseTransform):  # type: ignore[misc]
    """Keeps the edges (u, v) with rank[u] < rank[v], so that every subset of them is a DAG.

    Reads `edge_index [2, E]` and `rank [N]`; self loops and edges between equal ranks go as well.
    Works on a `Data` and on a `Batch`; every edge-level attribute is cut alike.

    Raises:
        ConfigError: no `rank`.
    """

    def forward(self, data: Data) -> Data:
        if data.get("rank") is None:
            raise ConfigError("data.rank", None, "one rank per node, [N]")
        src, dst = data.edge_index
        return keep_edges(data, data.rank[src] < data.rank[dst])
