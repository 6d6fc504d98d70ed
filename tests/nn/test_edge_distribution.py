"""Edges: every reachable graph by enumeration, cycles, orders, pruning, the regulariser."""

from __future__ import annotations

import itertools
from dataclasses import fields

import networkx as nx
import pytest
import torch
from torch import Tensor

from abgnn.data.query import Query
from abgnn.data.template import Role
from abgnn.data.template_yaml import build_template
from abgnn.errors import ConfigError
from abgnn.models.team import Team, named_mask
from abgnn.nn.acyclic_growth import all_at_once, one_by_one
from abgnn.nn.edge_distribution import EdgeDistribution, EdgeSample, Order
from abgnn.nn.edge_pruning import prune_edges
from abgnn.nn.low_rank import low_rank_penalty

FULL = ~torch.eye(3, dtype=torch.bool)


def logits(n: int = 3, size: int = 1, seed: int = 0) -> Tensor:
    return torch.randn(size, n, n, generator=torch.Generator().manual_seed(seed))


def all_graphs(n: int, mask: Tensor) -> Tensor:
    """Every subset of the masked pairs, `[2^k, n, n]`."""
    pairs = mask.nonzero().tolist()
    graphs = torch.zeros(2 ** len(pairs), n, n, dtype=torch.bool)
    for g, kept in enumerate(itertools.product((False, True), repeat=len(pairs))):
        for (u, v), keep in zip(pairs, kept, strict=True):
            graphs[g, u, v] = keep
    return graphs


def cyclic(graph: Tensor) -> bool:
    return not nx.is_directed_acyclic_graph(
        nx.from_numpy_array(graph.int().numpy(), create_using=nx.DiGraph)
    )


def reachable(edges: EdgeDistribution, theta: Tensor, walk: Tensor | None = None) -> EdgeSample:
    """Every acyclic graph, judged in one walk."""
    graphs = torch.stack([g for g in all_graphs(3, FULL) if not cyclic(g)])
    size = len(graphs)
    many = theta.expand(size, 3, 3)
    if walk is None:
        return edges(many, FULL, sample=True, value=graphs)
    blank = torch.zeros(size)
    ranks = torch.zeros(size, 3, dtype=torch.long)
    return edges(many, FULL, sample=True, value=EdgeSample(graphs, blank, blank, ranks, walk))


def test_probabilities_of_all_reachable_graphs_sum_to_one() -> None:
    edges = EdgeDistribution(3)
    judged = reachable(edges, logits())
    distinct = {
        g.numpy().tobytes(): float(p) for g, p in zip(judged.edges, judged.log_prob, strict=True)
    }
    assert len(distinct) == 25  # labelled DAGs on three nodes
    assert sum(torch.tensor(list(distinct.values())).exp().tolist()) == pytest.approx(1, abs=1e-5)


def test_every_walk_is_a_distribution() -> None:
    edges = EdgeDistribution(3, "random")
    generator = torch.Generator().manual_seed(0)
    for _ in range(5):
        walk = torch.randperm(9, generator=generator).expand(25, 9)
        judged = reachable(edges, logits(), walk)
        assert float(judged.log_prob.exp().sum()) == pytest.approx(1, abs=1e-5)


def test_learned_orders_and_their_edges_sum_to_one() -> None:
    edges = EdgeDistribution(3, "learned")
    with torch.no_grad():
        edges.score.copy_(torch.tensor([0.3, -0.7, 0.2]))  # type: ignore[union-attr]
    total = torch.zeros(())
    for order in itertools.permutations(range(3)):
        rank = torch.tensor(order).argsort()
        able = (rank.unsqueeze(1) < rank) & FULL
        graphs = all_graphs(3, able)
        size, blank = len(graphs), torch.zeros(len(graphs))
        walk = torch.arange(9).expand(size, 9)
        given = EdgeSample(graphs, blank, blank, rank.expand(size, 3), walk)
        judged = edges(logits().expand(size, 3, 3), FULL, sample=True, value=given)
        assert torch.equal(judged.edges, graphs)
        total = total + judged.log_prob.exp().sum()
    assert float(total) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("order", ["index", "learned"])
def test_score_function_gradient_is_that_of_the_expectation(order: str) -> None:
    edges, theta = EdgeDistribution(3, order), logits().requires_grad_()  # type: ignore[arg-type]
    worth = lambda g: g.float().mul(torch.arange(9.0).view(3, 3)).sum((1, 2)).sin()  # noqa: E731
    graphs, ranks = [], []
    for permuted in itertools.permutations(range(3)) if order == "learned" else [(0, 1, 2)]:
        rank = torch.tensor(permuted).argsort()
        able = FULL & ((rank.unsqueeze(1) < rank) if order == "learned" else FULL)
        some = [g for g in all_graphs(3, able) if not cyclic(g)]
        graphs += some
        ranks += [rank if order == "learned" else torch.zeros(3, dtype=torch.long)] * len(some)
    size, blank = len(graphs), torch.zeros(len(graphs))
    given = EdgeSample(
        torch.stack(graphs), blank, blank, torch.stack(ranks), torch.arange(9).expand(size, 9)
    )
    judged = edges(theta.expand(size, 3, 3), FULL, sample=True, value=given)
    values, p = worth(judged.edges), judged.log_prob.exp()
    of_expectation = torch.autograd.grad((p * values).sum(), theta, retain_graph=True)[0]
    score_function = torch.autograd.grad((p.detach() * values * judged.log_prob).sum(), theta)[0]
    torch.testing.assert_close(score_function, of_expectation)


def test_samples_follow_the_probabilities() -> None:
    torch.manual_seed(0)
    edges, theta = EdgeDistribution(3), logits()
    drawn = edges(theta.expand(20_000, 3, 3), FULL, sample=True)
    again = edges(theta.expand(20_000, 3, 3), FULL, sample=True, value=drawn)
    assert torch.equal(again.log_prob, drawn.log_prob)
    assert float((-drawn.log_prob).mean()) == pytest.approx(float(drawn.entropy.mean()), rel=0.03)
    judged = reachable(edges, theta)
    for graph, log_prob in zip(judged.edges[:25], judged.log_prob, strict=True):
        share = float((drawn.edges == graph).all(2).all(1).float().mean())
        assert share == pytest.approx(float(log_prob.exp()), abs=0.012)


@pytest.mark.parametrize("order", ["index", "random", "learned"])
def test_no_cycle_and_nothing_forbidden(order: str) -> None:
    torch.manual_seed(0)
    mask = torch.rand(6, 6) < 0.8
    for sample in (True, False):
        drawn = EdgeDistribution(6, order)(  # type: ignore[arg-type]
            logits(6, 200) + 1, mask, sample=sample
        )
        assert not any(cyclic(g) for g in drawn.edges)
        assert not (drawn.edges & ~mask).any()
    loops = EdgeDistribution(6, order)(logits(6, 5) + 9, mask, sample=False, acyclic=False)  # type: ignore[arg-type]
    assert torch.equal(loops.edges, mask.expand(5, 6, 6) & (logits(6, 5) + 9 > 0))


def test_direction_is_an_accident_of_indexing_only_where_released() -> None:
    torch.manual_seed(0)
    gap = {}
    for order in ("index", "random", "learned"):
        drawn = EdgeDistribution(4, order)(  # type: ignore[arg-type]
            torch.zeros(20_000, 4, 4), ~torch.eye(4, dtype=torch.bool), sample=True
        )
        share = drawn.edges.float().mean(0)
        gap[order] = float((share.triu(1) - share.tril(-1).T).sum()) / 6
    assert gap["index"] > 0.1
    assert abs(gap["random"]) < 0.01
    assert abs(gap["learned"]) < 0.01


def test_without_sampling_nothing_is_random() -> None:
    for order in ("index", "random", "learned"):
        edges = EdgeDistribution(5, order)  # type: ignore[arg-type]
        mask = ~torch.eye(5, dtype=torch.bool)
        runs = [edges(logits(5, 7), mask, sample=False).edges for _ in range(3)]
        assert torch.equal(runs[0], runs[1])
        assert torch.equal(runs[0], runs[2])
    with pytest.raises(ConfigError, match="order"):
        EdgeDistribution(3, "any")  # type: ignore[arg-type]


def test_pruned_counts_are_the_released_ones() -> None:
    for n, loops, counts in (
        (4, False, [12, 9, 7]),
        (5, False, [20, 15, 11]),
        (5, True, [25, 19, 14]),
    ):
        mask = torch.ones(n, n, dtype=torch.bool) if loops else ~torch.eye(n, dtype=torch.bool)
        theta, found = logits(n)[0], [int(mask.sum())]
        for _ in range(2):
            shut = mask & ~prune_edges(mask, theta, 0.25)
            mask = prune_edges(mask, theta, 0.25)
            found.append(int(mask.sum()))
            assert theta[shut].max() <= theta[mask].min()
        assert found == counts
    nothing = torch.zeros(3, 3, dtype=torch.bool)
    assert not prune_edges(nothing, logits()[0], 0.5).any()
    assert not prune_edges(FULL, logits()[0], 1.0).any()
    with pytest.raises(ConfigError, match="rate"):
        prune_edges(FULL, logits()[0], 1.5)


def test_regulariser_by_hand() -> None:
    theta, mask = torch.diag(torch.tensor([3.0, 4.0])), torch.zeros(2, 2)
    assert float(low_rank_penalty(theta, mask)) == pytest.approx(7 + 5 - 0.1)
    assert float(low_rank_penalty(mask, mask)) == 0
    assert float(low_rank_penalty(torch.stack([theta, mask]), torch.stack([mask, mask]))) == (
        pytest.approx((7 + 5 - 0.1) / 2)
    )


def test_named_masks() -> None:
    sizes = {
        mode: tuple(int(m.sum()) for m in named_mask(mode, 4))  # type: ignore[arg-type]
        for mode in ("DirectAnswer", "FullConnected", "Chain", "Debate", "Layered", "Star", "Mesh")
    }
    assert sizes == {
        "DirectAnswer": (0, 0),
        "FullConnected": (12, 16),
        "Chain": (3, 1),
        "Debate": (0, 16),
        "Layered": (4, 16),
        "Star": (3, 16),
        "Mesh": (6, 16),
    }
    assert torch.equal(named_mask("Random", 5, 3)[0], named_mask("Random", 5, 3)[0])
    assert not torch.equal(named_mask("Random", 5, 3)[0], named_mask("Random", 5, 4)[0])


def test_team_plans() -> None:
    roles = [Role(n, f"You are {n}.") for n in ("A", "B", "Decider")]
    template = build_template("complete", roles)
    query, none = Query("q", "?", "general"), torch.zeros(3, 3, dtype=torch.bool)
    one = none.clone()
    one[0, 2] = True
    made = Team(template, 3, "m").plan(query, [(one, none, ())])
    assert [a.role.name for a in made.agents] == ["A", "B", "A", "Decider"]
    assert set(made.edges) == {(0, 2), (0, 3), (1, 3), (2, 3)}
    assert made.by_round == ()
    two = Team(template, 3, "m").plan(query, [(one, one, ()), (one, one, ())])
    assert (two.rounds, two.temporal_edges, two.by_round) == (2, ((0, 2),), ())
    differ = Team(template, 3, "m").plan(query, [(one, none, (0,)), (none, one.T, (1,))])
    assert [g.absent for g in differ.by_round] == [(0,), (1,)]
    assert differ.by_round[0].edges == ()
    assert differ.by_round[1].temporal_edges == ((2, 0),)
    assert set(differ.edges) == {(0, 3), (2, 3)}
    alone = Team(template, 1, "m").plan(query, [(none[:1, :1], none[:1, :1], ())])
    assert (len(alone.agents), alone.edges, alone.decision) == (1, (), 0)


def test_bare_edges_say_nothing_of_a_learned_order() -> None:
    with pytest.raises(ConfigError, match="EdgeSample"):
        EdgeDistribution(3, "learned")(logits(), FULL, sample=True, value=FULL.unsqueeze(0))


@pytest.mark.parametrize("seed", range(5))
def test_edges_grow_alike_graph_by_graph_and_all_at_once(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    wanted, mask = torch.rand(2, 7, 5, 5, generator=generator) < 0.7
    walk = torch.rand(7, 25, generator=generator).argsort(1)
    edges, able = one_by_one(wanted, mask, walk)
    assert edges.any()
    assert (able & ~edges).any()
    assert (mask & ~able).any()
    for mine, other in zip((edges, able), all_at_once(wanted, mask, walk), strict=True):
        assert torch.equal(mine, other)


@pytest.mark.parametrize("order", ["index", "random", "learned"])
@pytest.mark.parametrize("sample", [True, False])
def test_no_edges_are_those_of_an_empty_mask_and_leave_later_draws_alone(
    order: Order, sample: bool
) -> None:
    edges, shut = EdgeDistribution(3, order), torch.zeros_like(FULL)
    torch.manual_seed(0)
    masked = edges(logits(size=4), shut, sample=sample, acyclic=False)
    after = torch.rand(1)
    torch.manual_seed(0)
    none = edges.none(logits(size=4), sample=sample)
    assert torch.equal(torch.rand(1), after)
    for field in fields(EdgeSample):
        assert torch.equal(getattr(none, field.name), getattr(masked, field.name)), field.name
