"""Hop-limit pruning: exact small cases, the plain rendering, batches, permutations, faults."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import pairwise

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.data import Batch, Data

from abgnn.errors import ConfigError
from abgnn.transforms import HopLimitPruning, hop_limit_mask, longest_path
from tests.transforms.networkx_rendering import prune


def graph(
    edges: Sequence[tuple[int, int]],
    prob: Sequence[float],
    limit: float,
    rank: Sequence[int] | None = None,
    num_nodes: int = 4,
) -> Data:
    data = Data(
        edge_index=torch.tensor(edges, dtype=torch.long).view(-1, 2).t().contiguous(),
        edge_prob=torch.tensor(prob, dtype=torch.float),
        hop_limit=torch.tensor([limit]),
        edge_id=torch.arange(len(edges)),
        num_nodes=num_nodes,
    )
    if rank is not None:
        data.rank = torch.tensor(rank)
    return data


def random_graph(n: int, density: float, limit: float, seed: int, *, ties: bool = False) -> Data:
    """Edges in random order between nodes whose ranks are a random permutation."""
    rng = np.random.default_rng(seed)
    place = rng.permutation(n)
    edges = [(place[i], place[j]) for i in range(n) for j in range(i + 1, n)]
    edges = [edges[k] for k in rng.permutation(len(edges)) if rng.random() < density]
    prob = rng.random(len(edges))
    prob = np.round(prob * 3) / 3 if ties else prob
    return graph(edges, prob.tolist(), limit, np.argsort(place).tolist(), n)


def pruned(data: Data) -> list[int]:
    """Ids of the edges that survive."""
    return list(HopLimitPruning()(data).edge_id.tolist())


def rendered(data: Data) -> list[int]:
    edges = [(u, v) for u, v in data.edge_index.t().tolist()]
    limit, prob, rank = float(data.hop_limit), data.edge_prob.tolist(), data.rank.tolist()
    kept = prune(int(data.num_nodes), edges, prob, limit, rank)
    return [i for i, keep in enumerate(kept) if keep]


def hops_of(data: Data) -> int:
    everything = torch.ones(data.num_edges, dtype=torch.bool)
    hops = longest_path(data.edge_index, everything, data.rank, int(data.num_nodes))
    return int(hops.max())


CHAIN = ((0, 1), (1, 2), (2, 3))


def test_repr() -> None:
    assert str(HopLimitPruning()) == "HopLimitPruning()"


def test_longest_path_ends_at_each_node() -> None:
    edges = torch.tensor([[0, 1, 2, 0, 0, 5], [1, 2, 3, 3, 4, 6]])
    mask = torch.tensor([True, True, True, True, True, False])
    assert longest_path(edges, mask, torch.arange(7), 7).tolist() == [0, 1, 2, 3, 1, 0, 0]


@pytest.mark.parametrize("density", [0.05, 0.5, 1.0])
def test_longest_paths_of_many_hops_as_networkx_finds_them(density: float) -> None:
    n = 80
    data = random_graph(n, density, 3.0, seed=3)
    edges = data.edge_index.t().tolist()
    edges += [[int(u), int(v)] for u, v in pairwise(data.rank.argsort().tolist()[:50])]  # 49 hops
    index = torch.tensor(edges).t()
    mask = torch.ones(index.size(1), dtype=torch.bool)
    found = longest_path(index, mask, data.rank, n)
    graph = nx.DiGraph(edges)
    hops = dict.fromkeys(range(n), 0)
    for v in nx.topological_sort(graph):
        hops[v] = max((hops[u] + 1 for u in graph.predecessors(v)), default=0)
    assert int(found.max()) >= 49
    assert found.tolist() == [hops[v] for v in range(n)]


@pytest.mark.parametrize(
    ("prob", "limit", "kept"),
    [
        ((0.9, 0.2, 0.5), 3, [0, 1, 2]),  # nothing is violated
        ((0.9, 0.2, 0.5), 2, [0, 2]),
        ((0.9, 0.2, 0.5), 1, [0, 2]),
        ((0.2, 0.9, 0.5), 1, [1]),  # 0-1 goes, then the weaker of 1-2-3
        ((0.9, 0.2, 0.5), 0, []),
        ((0.5, 0.5, 0.5), 2, [1, 2]),  # equal: nearest the start of the path
        ((0.9, 0.5, 0.5), 2, [0, 2]),
        ((0.2, 0.9, 0.5), 2.5, [1, 2]),  # at most 2 hops
        ((0.2, 0.9, 0.5), float("inf"), [0, 1, 2]),
    ],
)
def test_a_chain(prob: tuple[float, ...], limit: float, kept: list[int]) -> None:
    assert pruned(graph(CHAIN, prob, limit)) == kept


def test_ties_between_paths_go_by_rank_and_not_by_index() -> None:
    uneven = ((0, 1), (0, 2), (1, 3), (2, 3), (3, 4))
    prob = (0.9, 0.9, 0.5, 0.6, 0.55)
    # into 3 through 1, the path's weakest is 1-3 (0.5), then 3-4 (0.55) on 0-2-3-4;
    assert pruned(graph(uneven, prob, 2, (0, 1, 2, 3, 4), 5)) == [0, 1, 3]
    # through 2, it is 3-4 (0.55) at once, and 1-3 may stay.
    assert pruned(graph(uneven, prob, 2, (0, 2, 1, 3, 4), 5)) == [0, 1, 2, 3]


def test_the_critical_path_ends_at_the_lowest_rank() -> None:
    fork = ((0, 1), (1, 2), (1, 3))  # both 2 and 3 are two hops deep
    prob = (0.5, 0.6, 0.4)
    assert pruned(graph(fork, prob, 1, (0, 1, 2, 3))) == [1, 2]  # 0-1 on the way to 2 goes
    assert pruned(graph(fork, prob, 1, (0, 1, 3, 2))) == [1]  # 1-3 first, then 0-1


@settings(max_examples=500, deadline=None)
@given(
    n=st.integers(1, 12),
    density=st.floats(0, 1),
    limit=st.sampled_from([0.0, 0.5, 1.0, 2.0, 2.5, 3.0, 5.0]),
    seed=st.integers(0, 2**32),
    ties=st.booleans(),
)
def test_as_the_plain_rendering(
    n: int, density: float, limit: float, seed: int, ties: bool
) -> None:
    data = random_graph(n, density, limit, seed, ties=ties)
    result = HopLimitPruning()(data)
    assert result.edge_id.tolist() == rendered(data)
    assert hops_of(result) <= limit
    if hops_of(data) <= limit:
        assert result.num_edges == data.num_edges


@pytest.mark.parametrize(("density", "ties"), [(0.9, False), (0.3, True), (0.1, False)])
def test_larger_graphs_as_the_plain_rendering(density: float, ties: bool) -> None:
    data = random_graph(40, density, 4.0, seed=7, ties=ties)
    assert pruned(data) == rendered(data)


def test_a_graph_that_satisfies_its_limit_is_left_alone() -> None:
    data = random_graph(9, 0.5, 8.0, seed=1)
    assert pruned(data) == list(range(data.num_edges))


@settings(max_examples=100, deadline=None)
@given(n=st.integers(2, 10), seed=st.integers(0, 2**32), ties=st.booleans())
def test_permuted_nodes_and_edges_permute_the_result(n: int, seed: int, ties: bool) -> None:
    data = random_graph(n, 0.7, 2.0, seed, ties=ties)
    rng = np.random.default_rng(seed)
    moved = torch.from_numpy(rng.permutation(n))  # node i is now called moved[i]
    shuffle = torch.from_numpy(rng.permutation(data.num_edges))
    rank = torch.empty_like(data.rank)
    rank[moved] = data.rank
    other = Data(
        edge_index=moved[data.edge_index[:, shuffle]],
        edge_prob=data.edge_prob[shuffle],
        edge_id=data.edge_id[shuffle],
        hop_limit=data.hop_limit,
        rank=rank,
        num_nodes=n,
    )
    assert sorted(pruned(other)) == pruned(data)


def assert_same(one: Data, other: Data) -> None:
    assert set(one.keys()) == set(other.keys())
    assert one.num_nodes == other.num_nodes
    for key in one.keys():  # noqa: SIM118
        a, b = one[key], other[key]
        assert torch.equal(a, b) if isinstance(a, Tensor) else a == b, key


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 6))
def test_a_batch_is_pruned_as_each_graph_alone_and_stays_a_batch(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    graphs = []
    for i in range(count):
        n, limit = int(rng.integers(1, 8)), float(rng.choice([0, 1, 1.5, 3, 9]))
        data = random_graph(n, float(rng.random()), limit, seed + i)
        data.x, data.edge_attr = torch.randn(n, 3), torch.randn(data.num_edges, 2)
        data.edge_names = [f"e{k}" for k in range(data.num_edges)]
        data.query_embed = torch.randn(1, 5)
        graphs.append(data)
    batch = Batch.from_data_list(graphs)
    before = batch.edge_index.clone()
    result = HopLimitPruning()(batch)
    for alone, together in zip(graphs, result.to_data_list(), strict=True):
        assert_same(HopLimitPruning()(alone), together)
    assert torch.equal(result.edge_attr, torch.cat([d.edge_attr for d in result.to_data_list()]))
    assert torch.equal(batch.edge_index, before)
    for original, restored in zip(graphs, batch.to_data_list(), strict=True):
        assert_same(original, restored)  # the input keeps its own slices


@pytest.mark.filterwarnings("ignore:Unable to accurately infer")
def test_nodes_left_without_edges_stay() -> None:
    """Neither graph states its number of nodes: it is inferred from the edges that go."""
    index = torch.tensor([[0, 1], [1, 2]])
    data = Data(edge_index=index, edge_prob=torch.tensor([0.9, 0.1]), hop_limit=torch.tensor([1]))
    assert HopLimitPruning()(data).num_nodes == 3
    pair = HopLimitPruning()(Batch.from_data_list([data, data]))
    assert pair.edge_index.tolist() == [[0, 3], [1, 4]]
    assert [d.num_nodes for d in pair.to_data_list()] == [3, 3]


def test_every_edge_level_attribute_is_cut_alike_and_no_other() -> None:
    data = graph(CHAIN, (0.9, 0.2, 0.5), 2)
    data.edge_attr = torch.arange(6.0).view(3, 2)
    data.weight = torch.tensor([10.0, 20.0, 30.0])
    data.edge_label_index = torch.tensor([[0, 1, 2], [3, 4, 5]])
    data.edge_names, data.edge_array = ["a", "b", "c"], np.array([1, 2, 3])
    data.x, data.y = torch.ones(4, 3), torch.tensor([7.0])
    result = HopLimitPruning()(data)
    assert result.edge_index.tolist() == [[0, 2], [1, 3]]
    assert result.edge_prob.tolist() == pytest.approx([0.9, 0.5])
    assert result.edge_attr.tolist() == [[0.0, 1.0], [4.0, 5.0]]
    assert result.weight.tolist() == [10.0, 30.0]
    assert result.edge_label_index.tolist() == [[0, 2], [3, 5]]
    assert (result.edge_names, result.edge_array.tolist()) == (["a", "c"], [1, 3])
    assert (result.x.shape, result.y.tolist(), data.num_edges) == ((4, 3), [7.0], 3)


def test_graph_level_attributes_survive_where_edges_and_graphs_are_equally_many() -> None:
    data = graph(((0, 1),), (0.5,), 0, num_nodes=2)
    data.query_embed, data.y = torch.ones(1, 8), torch.tensor([1.0])
    for result in (HopLimitPruning()(data), HopLimitPruning()(Batch.from_data_list([data] * 2))):
        assert result.num_edges == 0
        assert result.query_embed.shape == (result.hop_limit.numel(), 8)
        assert result.y.numel() == result.hop_limit.numel()


def test_a_limit_per_graph_on_a_data_with_a_batch_vector() -> None:
    data = graph(((0, 1), (1, 2), (3, 4), (4, 5)), (0.9, 0.1, 0.1, 0.9), 0, num_nodes=6)
    data.batch, data.hop_limit = torch.tensor([0, 0, 0, 1, 1, 1]), torch.tensor([2, 1])
    assert pruned(data) == [0, 1, 3]


def test_without_rank_the_order_is_topological_whatever_the_indices() -> None:
    data = graph(((3, 2), (2, 1), (1, 0)), (0.9, 0.2, 0.5), 2)
    assert pruned(data) == [0, 2]


def test_a_plain_number_as_limit() -> None:
    data = graph(CHAIN, (0.9, 0.2, 0.5), 0)
    data.hop_limit = 2
    assert pruned(data) == [0, 2]


def test_parallel_edges_go_one_by_one_the_least_probable_first() -> None:
    edges = ((0, 1), (1, 2), (0, 1))
    assert pruned(graph(edges, (0.3, 0.9, 0.2), 1, num_nodes=3)) == [1]
    assert pruned(graph(edges, (0.3, 0.25, 0.2), 1, num_nodes=3)) == [0]


def test_the_core_masks_only_sampled_edges_and_reports_the_longest_path_before() -> None:
    index = torch.tensor([[0, 1, 2, 3, 4, 3], [1, 2, 0, 4, 5, 5]])  # 2 -> 0 is not sampled
    sampled = torch.tensor([True, True, False, True, True, True])
    prob = torch.tensor([0.9, 0.8, 0.0, 0.3, 0.4, 0.1], requires_grad=True)
    batch, rank = torch.tensor([0, 0, 0, 1, 1, 1]), torch.tensor([0, 1, 2, 0, 1, 2])
    limit = torch.tensor([2.0, 1.0])
    mask, longest = hop_limit_mask(index, prob, sampled, limit, rank, batch, 2)
    assert mask.tolist() == [True, True, False, False, True, True]
    assert longest.tolist() == [2, 2]
    assert sampled.tolist() == [True, True, False, True, True, True]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"edge_prob": None}, "data.edge_prob"),
        ({"edge_prob": torch.ones(2)}, "data.edge_prob"),
        ({"edge_prob": torch.tensor([0.1, float("nan"), 0.2])}, "data.edge_prob"),
        ({"hop_limit": None}, "data.hop_limit"),
        ({"hop_limit": torch.tensor([1, 2])}, "data.hop_limit"),
        ({"hop_limit": torch.tensor([-1])}, "data.hop_limit"),
        ({"hop_limit": float("nan")}, "data.hop_limit"),
        ({"rank": torch.tensor([0, 2, 1, 3])}, "edge_index"),
        ({"rank": torch.arange(3)}, "data.rank"),
    ],
)
def test_faulty_input_names_the_field(change: dict[str, object], field: str) -> None:
    data = graph(CHAIN, (0.9, 0.2, 0.5), 2)
    for key, value in change.items():
        data[key] = value
    with pytest.raises(ConfigError) as e:
        HopLimitPruning()(data)
    assert e.value.field == field


@pytest.mark.parametrize("edges", [((0, 1), (1, 2), (2, 1)), ((1, 1), (0, 1), (1, 2))])
def test_a_cycle_is_named(edges: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(ConfigError, match=r"got '1 -> |got '2 -> 1"):
        HopLimitPruning()(graph(edges, (0.5, 0.5, 0.5), 1))


def test_much_faster_than_the_plain_rendering() -> None:
    """The target is 20 times; 5 leaves room: seconds of the CPU, but others share its caches."""
    data = random_graph(100, 0.5, 3.0, seed=0)
    seconds = []
    for _ in range(3):
        start = time.thread_time()
        kept = pruned(data)
        seconds.append(time.thread_time() - start)
    start = time.thread_time()
    assert rendered(data) == kept
    assert time.thread_time() - start > 5 * min(seconds)
