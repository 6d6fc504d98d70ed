"""Query graphs: batched at once equals batched by PyG, and comes apart again."""

from __future__ import annotations

from copy import copy

import pytest
import torch
from torch_geometric.data import Batch

from abgnn.graph.query_graph import QueryGraph, distinct_roles
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


def test_distinct_roles_are_those_of_an_untouched_batch() -> None:
    batch = tiny.batch(3)
    roles, which = distinct_roles(batch)
    assert which is not None
    assert len(roles) == 4
    assert torch.equal(roles[which], batch.role_embed)
    roles, which = distinct_roles(copy(batch))
    assert which is not None


@pytest.mark.parametrize("change", ["replaced", "written to", "wanted", "by PyG"])
def test_roles_that_somebody_changed_are_read_one_by_one(change: str) -> None:
    batch = tiny.batch(3)
    if change == "replaced":
        batch.role_embed = batch.role_embed.clone()
    elif change == "written to":
        batch.role_embed[1] = 0.0
    elif change == "wanted":
        batch.role_embed.requires_grad_()
    else:
        batch = Batch.from_data_list(batch.to_data_list())
    roles, which = distinct_roles(batch)
    assert which is None
    assert roles is batch.role_embed


@pytest.mark.parametrize("init", ["paper", "beliefs"])
def test_distinct_roles_change_no_decision(init: str) -> None:
    policy, batch = tiny.policy(init=init), tiny.batch(5)
    whole = copy(batch)
    whole.role_embed = batch.role_embed.clone()
    torch.manual_seed(0)
    drawn = policy(batch, sample=True)
    torch.manual_seed(0)
    same = policy(whole, sample=True)
    torch.testing.assert_close(drawn.log_probs, same.log_probs)
    torch.testing.assert_close(drawn.batch.x, same.batch.x)
    assert drawn.plans() == same.plans()


def test_batches_of_inference_mode() -> None:
    with torch.inference_mode():
        assert tiny.policy()(tiny.batch(2), sample=False).plans()
