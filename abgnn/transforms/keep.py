"""Cutting the edges of a `Data` or `Batch` together with everything that belongs to them."""

from __future__ import annotations

from itertools import compress, pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data

NOT_EDGE_LEVEL = frozenset({"batch", "ptr", "rank", "hop_limit", "num_nodes"})


def keep_edges(data: Data, keep: Tensor) -> Data:
    """`data` itself, left with the edges where `keep [E]` is True.

    Every edge-level attribute is cut alike (tensor, array or list), the number of nodes stays,
    and the slices of a `Batch` are renewed, so that `to_data_list()` gives the cut graphs.

    An attribute is edge-level if PyG says so (`is_edge_attr`; on a `Batch`, if it has as many
    entries per graph as there are edges). Where its length fits a graph-level (or, on a `Batch`,
    node-level) attribute just as well, it is edge-level only if its name contains `edge`.
    """
    slices: dict[str, Tensor] | None = getattr(data, "_slice_dict", None)
    num_nodes = data.num_nodes
    if slices is None:
        keys = [key for key in list(data.keys()) if _is_edge_level(data, key)]
        for key in keys:
            data[key] = _cut(data, key, data[key], keep)
        if data.num_nodes != num_nodes:  # it was inferred from the edges
            data.num_nodes = num_nodes
    else:
        _keep_in_batch(data, keep, slices)
    return data


def count_graphs(data: Data) -> int:
    """B of a Batch or of a Data with a `batch` vector; 1 of a plain Data."""
    if hasattr(data, "_slice_dict"):
        return int(data.num_graphs)
    batch = data.get("batch")
    return 1 if batch is None or batch.numel() == 0 else int(batch.max()) + 1


def _is_edge_level(data: Data, key: str) -> bool:
    if key in NOT_EDGE_LEVEL or not data.is_edge_attr(key):
        return False
    return "edge" in key or data.num_edges != count_graphs(data)


def _keep_in_batch(data: Data, keep: Tensor, slices: dict[str, Tensor]) -> None:
    bounds = slices["edge_index"].tolist()  # B + 1
    parts = list(pairwise(bounds))
    sizes = [b - a for a, b in parts]
    kept = torch.cat([torch.zeros(1, dtype=torch.long), keep.cpu().cumsum(0)])
    renewed = dict(slices)
    for key in [key for key in slices if key not in NOT_EDGE_LEVEL]:
        value = data[key]
        if isinstance(value, Tensor):
            if _sliced_by_edge(data, key, slices):
                data[key] = _cut(data, key, value, keep)
                renewed[key] = kept[slices["edge_index"]]
        elif isinstance(value, list) and [_length(v) for v in value] == sizes:
            data[key] = [
                _cut(data, key, v, keep[a:b]) for v, (a, b) in zip(value, parts, strict=True)
            ]
    data._slice_dict = renewed
    if "x" not in data and not hasattr(data._store, "_num_nodes"):
        data._store._num_nodes = data.ptr.diff().tolist()  # no longer inferred from the edges


def _sliced_by_edge(data: Data, key: str, slices: dict[str, Tensor]) -> bool:
    own, edges = slices[key], slices["edge_index"]
    if data.__cat_dim__(key, data[key]) is None or not torch.equal(own, edges):
        return False
    others = (data.ptr.cpu(), torch.arange(len(edges)))  # per node, per graph
    return "edge" in key or not any(torch.equal(own, other) for other in others)


def _length(value: object) -> int:
    return len(value) if isinstance(value, list | tuple | np.ndarray) else -1


def _cut(data: Data, key: str, value: Any, keep: Tensor) -> Any:
    if isinstance(value, Tensor):
        chosen = keep.to(value.device).nonzero().view(-1)
        return value.index_select(data.__cat_dim__(key, value), chosen)
    if isinstance(value, np.ndarray):
        return np.compress(keep.tolist(), value, axis=data.__cat_dim__(key, value))
    return type(value)(compress(value, keep.tolist()))
