"""Acyclic orientation keeps what leads upwards in rank."""

from __future__ import annotations

import pytest
import torch
from torch_geometric.data import Batch, Data

from abgnn.errors import ConfigError
from abgnn.transforms import AcyclicOrientation


def complete(rank: list[int]) -> Data:
    n = len(rank)
    pairs = [(u, v) for u in range(n) for v in range(n)]
    return Data(
        edge_index=torch.tensor(pairs).t(),
        edge_attr=torch.tensor([10 * u + v for u, v in pairs]),
        rank=torch.tensor(rank),
        num_nodes=n,
    )


def test_only_edges_of_increasing_rank_stay_with_their_attributes() -> None:
    result = AcyclicOrientation()(complete([2, 0, 1]))
    assert result.edge_index.t().tolist() == [[1, 0], [1, 2], [2, 0]]
    assert result.edge_attr.tolist() == [10, 12, 20]


def test_equal_ranks_do_not_talk() -> None:
    assert AcyclicOrientation()(complete([0, 0])).num_edges == 0


def test_a_batch_is_oriented_as_each_graph_alone() -> None:
    graphs = [complete([1, 0]), complete([0]), complete([0, 1, 2])]
    result = AcyclicOrientation()(Batch.from_data_list(graphs)).to_data_list()
    for alone, together in zip(graphs, result, strict=True):
        expected = AcyclicOrientation()(alone)
        assert torch.equal(expected.edge_index, together.edge_index)
        assert torch.equal(expected.edge_attr, together.edge_attr)


def test_rank_is_needed() -> None:
    data = complete([0, 1])
    del data.rank
    with pytest.raises(ConfigError, match=r"data\.rank"):
        AcyclicOrientation()(data)
