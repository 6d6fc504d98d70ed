"""`LoopStateNet`: a residual that starts at zero and knows candidates by what they are."""

from __future__ import annotations

import torch
from torch import Tensor

from abgnn.nn.loop_state_net import RELATIONS, SAID, WORTH, LoopGraph, LoopStateNet

G, M, X, U = 3, 4, 5, 6
GROUP = torch.tensor([[0, 1, 0, -2], [-1, 0, -2, -2], [-2, -2, -2, -2]])


def net(seed: int = 0) -> LoopStateNet:
    torch.manual_seed(seed)
    made = LoopStateNet(X, U, 8)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return made


def graph() -> LoopGraph:
    generator = torch.Generator().manual_seed(1)
    edges, relation = [], []
    for g in range(G):
        for u in range(M):
            for v in range(M):
                if u != v and GROUP[g, u] != -2:
                    same = GROUP[g, u] == GROUP[g, v] and GROUP[g, u] >= 0
                    edges.append((g * M + u, g * M + v))
                    relation.append(0 if same else 1 if GROUP[g, v] != -2 else 2)
    x, u_m, said = (
        torch.randn(shape, generator=generator) for shape in ((G, X), (G, M, U), (G, M, SAID))
    )
    return LoopGraph(x, u_m, said, GROUP, torch.tensor(edges).t(), torch.tensor(relation))


def permuted(made: LoopGraph, order: Tensor) -> LoopGraph:
    """The same with candidates in another order."""
    new = torch.empty_like(order)
    new[order] = torch.arange(M)
    moved = made.edge_index // M * M + new[made.edge_index % M]
    return made._replace(
        agent=made.agent[:, order],
        said=made.said[:, order],
        group=made.group[:, order],
        edge_index=moved,
    )


def test_it_prints_its_widths_and_starts_at_zero() -> None:
    made = LoopStateNet(X, U, 8)
    assert str(made) == "LoopStateNet(5, 6, 8)"
    g = made(graph())
    assert g.shape == (G, M, 8)
    assert not made.keys(g, GROUP, 2).any()
    assert not made.asks(g, torch.randn(G, M, WORTH)).any()


def test_the_order_of_candidates_makes_no_difference() -> None:
    made, shown, order = net(), graph(), torch.tensor([2, 0, 3, 1])
    worth = torch.randn(G, M, WORTH)
    g, other = made(shown), made(permuted(shown, order))
    torch.testing.assert_close(other, g[:, order])
    torch.testing.assert_close(made.keys(other, GROUP[:, order], 2), made.keys(g, GROUP, 2))
    torch.testing.assert_close(made.asks(other, worth[:, order]), made.asks(g, worth)[:, order])


def test_the_residual_of_a_key_is_the_mean_over_those_who_gave_it() -> None:
    made = net()
    g = made(graph())
    each = made.lin_w(g).squeeze(2)
    keys = made.keys(g, GROUP, 2)
    torch.testing.assert_close(keys[0], torch.stack([each[0, [0, 2]].mean(), each[0, 1]]))
    assert keys[1, 0] == each[1, 1]
    assert keys[1, 1] == 0
    assert not keys[2].any()


def test_what_one_said_reaches_the_others_and_every_weight_learns() -> None:
    made, shown = net(), graph()
    said = shown.said.clone().requires_grad_()
    g = made(shown._replace(said=said))
    torch.autograd.backward(g[0, 3].sum())  # a candidate not yet asked
    assert said.grad is not None
    assert said.grad[0, 0].abs().sum() > 0
    assert not said.grad[1].any()
    loss = (
        made.keys(made(shown), GROUP, 2).sum() + made.asks(made(shown), torch.ones(G, M, 3)).sum()
    )
    torch.autograd.backward(loss)
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in made.parameters())
    assert len(RELATIONS) * made.channels == made.lin_r.out_features
