"""Query graphs: batched at once equals batched by PyG, and comes apart again."""

from __future__ import annotations

import torch
from torch_geometric.data import Batch

from abgnn.graph.query_graph import QueryGraph
from tests import tiny


def test_batch_of_equals_from_data_list() -> None:
    batch = tiny.batch(3, n_roles=4)
    graphs = [
        QueryGraph.from_template(
            tiny.template(4), batch.role_embed[:5], query, batch.query_embed[i]
        )
        for i, query in enumerate(tiny.queries(3))
    ]
    by_pyg = Batch.from_data_list(graphs)
    assert batch.num_graphs == by_pyg.num_graphs == 3
    assert batch.num_nodes == by_pyg.num_nodes == 15
    for key in ("role_embed", "query_embed", "edge_index", "rank", "is_decision", "is_lead"):
        assert torch.equal(batch[key], by_pyg[key]), key
    for key in ("batch", "ptr"):
        assert torch.equal(batch[key], by_pyg[key]), key
    assert batch.query == by_pyg.query
    assert batch.template == by_pyg.template


def test_to_data_list_gives_the_graphs_back() -> None:
    batch = tiny.batch(3)
    for i, graph in enumerate(batch.to_data_list()):
        assert isinstance(graph, QueryGraph)
        assert graph.num_nodes == 4
        assert torch.equal(graph.edge_index, tiny.batch(1).edge_index)
        assert torch.equal(graph.query_embed, batch.query_embed[i : i + 1])
        assert graph.query.id == f"q{i}"


def test_decision_agent_has_no_admissible_edge() -> None:
    batch = tiny.batch(2)
    assert not bool(batch.is_decision[batch.edge_index].any())
    assert batch.is_decision.tolist() == [False, False, False, True] * 2
    assert bool((batch.rank[batch.edge_index[0]] < batch.rank[batch.edge_index[1]]).all())
