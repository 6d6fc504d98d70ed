"""Layers: how they print, exact small cases, and the properties their equations promise."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from abgnn.errors import ConfigError
from abgnn.models.sampling import (
    bernoulli_entropy,
    bernoulli_log_prob,
    choose,
    keep_at_least,
)
from abgnn.nn import (
    AgentEncoder,
    AgentGate,
    BeliefStart,
    DifficultyHead,
    EdgePredictor,
    HopLimit,
    PoolSelection,
    RoleMatching,
    straight_through_bernoulli,
)
from abgnn.nn.agent_encoder import Parts
from tests import tiny


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (AgentEncoder(8, 4), "AgentEncoder(8, 4, 'profile')"),
        (AgentGate(4), "AgentGate(4)"),
        (EdgePredictor(4, directed=True), "EdgePredictor(4, directed=True)"),
        (RoleMatching(8, 4), "RoleMatching(8, 4)"),
    ],
)
def test_str(layer: nn.Module, text: str) -> None:
    assert str(layer) == text


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_pool_selection_by_hand() -> None:
    layer = PoolSelection(2, tau=0.1)
    with torch.no_grad():
        layer.lin.weight.zero_()
    prior = torch.tensor([0.0, math.log(2.0), 0.0])  # softmax with alpha ~ 0: 1/4, 1/2, 1/4
    with torch.no_grad():
        layer.raw_alpha.fill_(-50.0)
    prob = layer(torch.randn(3, 6), torch.linspace(0, 1, 3), torch.tensor([0.6]), None, prior).exp()
    z1, z2 = sigmoid((0.6 - 0.25) / 0.1), sigmoid((0.6 - 0.75) / 0.1)
    torch.testing.assert_close(prob[0], torch.tensor([1 - z1, z1 - z2, z2]))


def test_pool_selection_sums_to_one_and_moves_up_with_difficulty() -> None:
    torch.manual_seed(0)
    layer = PoolSelection(4)
    embed, curve = torch.randn(4, 12), torch.linspace(0, 1, 4)
    d = torch.linspace(0, 1, 11)
    prob = layer(embed, curve, d).exp()
    torch.testing.assert_close(prob.sum(1), torch.ones(11))
    mean_pool = prob @ torch.arange(4.0)
    assert bool((mean_pool.diff() > 0).all())
    bounded = layer(embed, curve, d, upper_bound=2).exp()
    assert float(bounded[:, 2:].abs().max()) == 0
    torch.testing.assert_close(bounded.sum(1), torch.ones(11))


def test_cost_aversion_is_never_negative_and_pushes_down() -> None:
    layer = PoolSelection(2)
    embed, curve, d = torch.zeros(3, 6), torch.linspace(0, 1, 3), torch.tensor([0.5])
    low = layer(embed, curve, d).exp() @ torch.arange(3.0)
    with torch.no_grad():
        layer.raw_alpha.fill_(4.0)
    high = layer(embed, curve, d).exp() @ torch.arange(3.0)
    assert float(layer.alpha.detach()) > 0
    assert float(high) < float(low)


@pytest.mark.parametrize("attend", ["profile", "agents", "none"])
def test_agent_encoder_uses_what_it_claims(attend: str) -> None:
    torch.manual_seed(0)
    layer = AgentEncoder(4, 6, attend)  # type: ignore[arg-type]
    x = torch.randn(3, 20, requires_grad=True)
    edges = torch.tensor([[0, 0, 1], [1, 2, 2]])
    h = layer(x, edges)
    grad = torch.autograd.grad(h[1].sum(), x)[0].abs()
    assert float(grad[1, :4].sum()) > 0  # its role
    used = attend != "none"
    assert (float(grad[1, 4:8].sum()) > 0) == used  # the query
    assert (float(grad[1, 8:].sum()) > 0) == used
    assert (float(grad[0, 8:].sum()) > 0) == (attend == "agents")  # a predecessor's backbone
    assert float(grad[2].sum()) == 0  # a successor's, never


def test_agent_encoder_with_equal_keys_is_their_mean() -> None:
    layer = AgentEncoder(4, 6)
    with torch.no_grad():
        layer.lin_k.weight.zero_()
    x = torch.randn(2, 20)
    tokens = layer.lin_v(layer.lin_profile(x[:, 8:].reshape(2, 3, 4)))
    expected = layer.lin_role(x[:, :4]) + layer.gamma * layer.lin_ctx(tokens.mean(1))
    torch.testing.assert_close(layer(x, torch.empty(2, 0, dtype=torch.long)), expected)


@pytest.mark.parametrize(
    ("attend", "film"),
    [("profile", False), ("profile", True), ("agents", False), ("agents", True), ("none", False)],
)
def test_agent_encoder_of_parts_is_that_of_x(attend: str, film: bool) -> None:
    torch.manual_seed(0)
    layer = AgentEncoder(4, 6, attend, film).double()  # type: ignore[arg-type]
    role, query, profile = (torch.randn(n, dtype=torch.double) for n in [(7, 4), (2, 4), (5, 3, 4)])
    owner, backbone = torch.tensor([0, 1, 0, 0, 1, 1, 1]), torch.tensor([4, 0, 1, 4, 4, 2, 0])
    edges = torch.tensor([[0, 0, 1, 4], [2, 3, 4, 6]])
    x = torch.cat([role, query[owner], profile[backbone].flatten(1)], 1)
    h = [layer(x, edges), layer(x, edges, Parts(role, query, owner, profile, backbone))]
    torch.testing.assert_close(h[0], h[1])
    weights = list(layer.parameters())
    grads = [torch.autograd.grad(one.square().sum(), weights, allow_unused=True) for one in h]
    for a, b in zip(*grads, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            torch.testing.assert_close(a, b)


def test_attend_is_checked() -> None:
    with pytest.raises(ConfigError, match="attend: got 'keys'"):
        AgentEncoder(4, 4, "keys")  # type: ignore[arg-type]


def test_gate_by_hand() -> None:
    layer = AgentGate(2)
    with torch.no_grad():
        layer.lin.weight.copy_(torch.tensor([[1.0, 2.0, 10.0, 20.0]]))
        layer.lin.bias.fill_(0.5)
    h = torch.tensor([[1.0, 0.0], [3.0, 2.0], [100.0, 100.0]])  # the last is the decision agent
    logits = layer(h, torch.zeros(3, dtype=torch.long), torch.tensor([0, 1]), 1)
    torch.testing.assert_close(logits, torch.tensor([1.0 + 40 + 0.5, 7.0 + 40 + 0.5]))


def test_warm_gates_start_equal() -> None:
    layer = AgentGate(3, bias=-0.5, zero_init=True)
    logits = layer(torch.randn(4, 3), torch.zeros(4, dtype=torch.long), torch.arange(3), 1)
    assert logits.tolist() == [-0.5, -0.5, -0.5]


def test_edge_predictor_is_symmetric_unless_directed() -> None:
    torch.manual_seed(0)
    h, forth, back = torch.randn(2, 4), torch.tensor([[0], [1]]), torch.tensor([[1], [0]])
    plain, directed = EdgePredictor(4, bias=-1.5), EdgePredictor(4, directed=True)
    a = plain.lin(h)
    torch.testing.assert_close(plain(h, forth), (a[0] @ a[1]).view(1) - 1.5)
    torch.testing.assert_close(plain(h, forth), plain(h, back))
    assert float((directed(h, forth) - directed(h, back)).abs()) > 1e-4


def test_hop_limit_range() -> None:
    """Between 1 and N - 1 hops for N kept agents, 0 for a lone one; strength decides where."""
    layer = HopLimit(1, max_hops=8)
    with torch.no_grad():
        layer.lin.weight.zero_()
        layer.lin.bias.zero_()
    batch = torch.tensor([0, 1, 1, 2, 2, 2, 2])
    limit = layer(torch.ones(7, 1), torch.ones(7), batch, 3)
    torch.testing.assert_close(limit, torch.tensor([0.0, 1.0, 2.0]))  # mean of 1..N-1
    with torch.no_grad():
        layer.lin.bias.copy_(torch.linspace(0, 400, 8))
    torch.testing.assert_close(
        layer(torch.ones(7, 1), torch.ones(7), batch, 3), torch.tensor([0.0, 1.0, 3.0])
    )


def test_matching_masks_padding_and_other_pools() -> None:
    table = tiny.table(((0,), (1, 2, 3)))
    layer = RoleMatching(tiny.H, 6)
    candidates, log_prob = layer(
        torch.randn(2, tiny.H), torch.randn(2, tiny.H), torch.tensor([0, 1]), torch.arange(2), table
    )
    assert log_prob[0].exp().tolist() == [1.0, 0.0, 0.0]
    assert candidates[0, 0] == 0
    assert candidates[1].tolist() == [1, 2, 3]
    torch.testing.assert_close(log_prob.exp().sum(1), torch.ones(2))


def test_start_of_0_1_by_hand() -> None:
    table, prior = tiny.table(), BeliefStart(calls=4, depth=3, temperature=0.5)
    prior.lambda_tok.fill_(10.0)
    prior.lambda_lat.fill_(0.01)
    pool, match = prior.pools(table), prior.matches(table, tiny.batch())
    a, c, s = table.accuracy, table.cost, table.latency
    torch.testing.assert_close(match, (0.5 * a - 10 * c - 0.006 * s) / 0.5)
    value = a - 40 * c - 0.03 * s
    torch.testing.assert_close(pool, torch.stack([value[:2].mean(), value[2:].mean()]) / 0.5)


def test_difficulty_starts_at_one_half() -> None:
    assert DifficultyHead(4)(torch.randn(3, 4)).tolist() == [0.5, 0.5, 0.5]


def test_straight_through_samples_are_exact_and_differentiable() -> None:
    torch.manual_seed(0)
    logits = torch.full((200_000,), 0.7, requires_grad=True)
    hard, soft = straight_through_bernoulli(logits)
    assert abs(float(hard.float().mean()) - sigmoid(0.7)) < 5 * 0.5 / math.sqrt(200_000)
    assert torch.equal(soft.detach(), hard.float())
    assert float(torch.autograd.grad(soft.sum(), logits)[0].min()) > 0


def test_choose_follows_the_distribution() -> None:
    torch.manual_seed(0)
    prob = torch.tensor([0.1, 0.6, 0.3, 0.0])
    drawn = choose(prob.log().expand(100_000, 4), sample=True)
    share = torch.bincount(drawn, minlength=4) / 100_000
    torch.testing.assert_close(share, prob, atol=0.01, rtol=0)
    assert int(choose(prob.log().view(1, 4), sample=False)) == 1


def test_bernoulli_formulas() -> None:
    logits = torch.tensor([-30.0, -1.0, 0.0, 2.0])
    p = torch.sigmoid(logits.double())
    exact = -(p * p.log() + (1 - p) * torch.log1p(-p))
    torch.testing.assert_close(bernoulli_entropy(logits.double()), exact)
    hard = torch.tensor([False, True, False, True])
    expected = torch.where(hard, p.log(), torch.log1p(-p))
    torch.testing.assert_close(bernoulli_log_prob(logits.double(), hard), expected)


def test_keep_at_least() -> None:
    hard = torch.tensor([False, False, True, False, False, False])
    logits = torch.tensor([0.1, 0.9, -2.0, 0.3, 0.3, 0.3])
    rank = torch.tensor([0, 1, 2, 2, 0, 1])
    graph = torch.tensor([0, 0, 0, 1, 1, 1])
    kept = keep_at_least(hard, logits, rank, graph, 2)
    assert kept.tolist() == [False, True, True, False, True, True]
    assert keep_at_least(hard, logits, rank, graph, 1).tolist() == [
        False, False, True, False, True, False,
    ]  # fmt: skip
