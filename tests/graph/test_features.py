"""x of matched agents, the graph of a plan, and roles, LLMs and question as a `HeteroData`."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch_geometric.data import Batch
from torch_geometric.loader import DataLoader

from abgnn.data.plan import Agent, Plan
from abgnn.errors import ConfigError
from abgnn.graph.base_mas import BaseMAS
from abgnn.graph.features import by_role, unit_variance
from abgnn.graph.hetero import CANDIDATE, MESSAGE, QUESTION, hetero_graphs
from abgnn.planning.beliefs import Belief
from tests import tiny


def belief(questions: int, roles: int, backbones: int = 4) -> Belief:
    rng = np.random.default_rng(0)
    shape = (questions, roles, backbones)
    logit = rng.normal(size=shape)
    sure = 1 / (1 + np.exp(-logit))
    return Belief(logit, rng.random(shape), sure, 1e-4 + rng.random(shape), 1 + rng.random(shape))


def test_x_of_matched_agents_is_shown_and_comes_apart() -> None:
    policy, batch = tiny.policy(init="beliefs", conditioned=False), tiny.batch(3)
    assert "x" not in batch
    decision = policy(batch, sample=False)
    seen = decision.batch
    assert "x" not in batch  # the caller's batch is left alone
    assert f"x=[12, {5 * tiny.H}]" in str(seen)
    scale = tiny.H**0.5
    profile = tiny.table().embed[decision.backbone].flatten(1)
    query = batch.query_embed[batch.batch]
    expected = scale * torch.cat([batch.role_embed, query, profile], -1)
    torch.testing.assert_close(seen.x, expected)
    for b, graph in enumerate(seen.to_data_list()):
        torch.testing.assert_close(graph.x, expected[4 * b : 4 * b + 4])
    again = Batch.from_data_list(seen.to_data_list())
    assert torch.equal(again.x, seen.x)


def test_unit_rows_get_unit_variance() -> None:
    rows = torch.nn.functional.normalize(torch.randn(50, 384), dim=-1)
    assert float(unit_variance(rows).var(1, correction=0).mean()) == pytest.approx(1, abs=0.02)


def test_graphs_of_plans(mas: BaseMAS) -> None:
    roles, [query] = mas.template.roles, tiny.queries(1)
    agents = (
        Agent(roles[0], "Qwen3-8B"),
        Agent(roles[1], "Qwen3-14B"),
        Agent(roles[-1], "Qwen3-8B"),
    )
    team = Plan(query, agents, ((1, 0), (0, 2), (1, 2)), 2)
    lone = Plan(query, agents[:1], (), 0)
    batch = mas.plan_graphs([team, lone])
    width = mas.role_embed.size(1)
    assert batch.x.shape == (4, 5 * width)
    assert batch.num_graphs == 2
    first, second = batch.to_data_list()
    assert first.edge_index.tolist() == [[1, 0, 1], [0, 2, 2]]
    assert bool((first.rank[first.edge_index[0]] < first.rank[first.edge_index[1]]).all())
    assert first.is_decision.tolist() == [False, False, True]
    assert first.plan == team
    assert second.edge_index.shape == (2, 0)
    torch.testing.assert_close(first.x[0], second.x[0])  # the same agent, whoever works with it
    torch.testing.assert_close(first.x[2, 2 * width :], first.x[0, 2 * width :])  # the same LLM
    assert not torch.allclose(first.x[2, :width], first.x[0, :width])


@pytest.mark.parametrize("roles", [3, 4])
def test_hetero_view(roles: int) -> None:
    batch, table = tiny.batch(5), tiny.table()
    known = belief(5, roles)
    graphs = hetero_graphs(
        tiny.template(), batch.role_embed[:4], tiny.queries(5), batch.query_embed, table, known
    )
    graph = graphs[2]
    assert graph["role"].x.shape == (4, tiny.H)
    assert graph["backbone"].x.shape == (4, 3 * tiny.H)
    assert graph["query"].x.shape == (1, tiny.H)
    assert graph[CANDIDATE].edge_index.shape == (2, 16)
    assert graph[QUESTION].edge_index.tolist() == [[0] * 4, [0, 1, 2, 3]]
    assert torch.equal(graph[MESSAGE].edge_index, tiny.batch(1).edge_index)
    role, backbone = graph[CANDIDATE].edge_index
    at = int(((role == 1) & (backbone == 3)).nonzero())
    want = [
        known.logit[2, 1, 3], known.logit_sd[2, 1, 3],
        np.log(known.usd[2, 1, 3]), np.log(known.seconds[2, 1, 3]),
    ]  # fmt: skip
    assert graph[CANDIDATE].edge_attr[at].tolist() == pytest.approx(want, rel=1e-5)
    loaded = next(iter(DataLoader(graphs, batch_size=5)))
    assert loaded["role"].x.shape == (20, tiny.H)
    assert loaded[CANDIDATE].edge_attr.shape == (80, 4)
    assert int(loaded[CANDIDATE].edge_index[0].max()) == 19
    assert [query.id for query in loaded.question] == [f"q{i}" for i in range(5)]
    assert graph.validate()


def test_hetero_without_beliefs(mas: BaseMAS) -> None:
    [graph] = mas.hetero(tiny.queries(1))
    assert "edge_attr" not in graph[CANDIDATE]
    assert graph[CANDIDATE].num_edges == len(mas.template.roles) * len(mas.catalogue)


def test_beliefs_of_other_roles_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"belief\.roles: got 2"):
        by_role(np.zeros((1, 2, 3)), tiny.template())
