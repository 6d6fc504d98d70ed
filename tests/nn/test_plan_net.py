"""`PlanScorer` on an `AgentGraph`: exact small cases, and what must not change its scores."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from abgnn.nn import AgentGraph, PlanScorer, Team
from abgnn.nn.plan_net import critical_path, expected_logit, total

CHAIN = Team(((0, 1), (1, 0), (2, 1)), ((0, 1), (1, 2), (0, 2)), 2)
STAR = Team(((0, 0), (1, 1), (2, 0)), ((0, 2), (1, 2)), 2)
LONE = Team(((1, 1),), (), 0)
TEAMS = (LONE, CHAIN, STAR)
S, M, Q, X, U, R = 3, 2, 5, 4, 2, 3


def scorer(seed: int = 0, *, moved: bool = True) -> PlanScorer:
    torch.manual_seed(seed)
    net = PlanScorer(X, U, R, 6)
    if moved:
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.add_(0.5 * torch.randn_like(parameter))
    return net


def inputs(seed: int = 1, roles: int = S, backbones: int = M) -> tuple[Tensor, ...]:
    torch.manual_seed(seed)
    cells = (Q, roles, backbones)
    x, u, r = torch.randn(Q, X), torch.randn(backbones, U), torch.randn(roles, R)
    return x, u, r, torch.randn(cells), torch.randn(*cells, 4)


def test_str() -> None:
    assert str(PlanScorer(4, 2, 3, 6)) == "PlanScorer(4, 2, 3, 6)"


def test_agents_that_read_nothing_are_one_node_for_all_plans() -> None:
    graph = AgentGraph.of(TEAMS, S, M)
    assert graph.num_nodes == S * M + 3  # two readers of the chain, one of the star
    assert graph.depth.tolist() == [0] * 6 + [1, 1, 2]
    assert graph.edge_index.t().tolist() == [[1, 6], [0, 7], [3, 7], [1, 8], [6, 8]]
    assert graph.answer.tolist() == [3, 8, 7]
    assert graph.lone.tolist() == [True, False, False]


def test_it_starts_from_what_is_believed_of_the_answering_agent() -> None:
    x, u, r, base, belief = inputs()
    logits = scorer(moved=False)(x, u, r, base, belief, AgentGraph.of(TEAMS, S, M))
    wanted = torch.stack([base[:, 1, 1], base[:, 2, 1], base[:, 2, 0]], 1)
    torch.testing.assert_close(logits, wanted)


def test_what_is_believed_of_lone_agents_stays() -> None:
    x, u, r, base, belief = inputs()
    graph = AgentGraph.of(TEAMS, S, M)
    logits = scorer()(x, u, r, base, belief, graph)
    torch.testing.assert_close(logits[:, 0], base[:, 1, 1])
    assert float((logits[:, 1] - base[:, 2, 1]).detach().abs().min()) > 1e-3
    free = scorer()
    free.correct_lone = True
    assert (
        float((free(x, u, r, base, belief, graph)[:, 0] - base[:, 1, 1]).detach().abs().min())
        > 1e-3
    )


def test_the_equation_by_hand() -> None:
    """One reader of one sender, as the docstring writes it."""
    net, (x, u, r, base, belief) = scorer(), inputs()
    team = Team(((0, 1), (2, 0)), ((0, 1),), 1)
    logits = net(x, u, r, base, belief, AgentGraph.of([team], S, M))
    gelu = torch.nn.functional.gelu

    def agent(j: int, m: int) -> Tensor:
        product = net.lin_q(x) * (net.lin_m(u[m]) + net.lin_r(r[j]))
        added = net.add_m(u[m]) + net.add_r(r[j]) + net.add_q(x) + net.lin_b(belief[:, j, m])
        return gelu(net.lin_o(gelu(product + added)))

    sender, reader = agent(0, 1), agent(2, 0)
    reader = reader + gelu(net.lin_self(reader) + net.lin_read(net.lin_s(sender / math.sqrt(1))))
    low = (net.low_q(x) * (net.low_m(u[0]) + net.low_r(r[2]))).sum(-1) / 7
    wanted = base[:, 2, 0] + net.lin_w(reader).squeeze(-1) + low
    torch.testing.assert_close(logits[:, 0], wanted)


def test_a_batch_is_its_questions_and_plans_one_by_one() -> None:
    net, (x, u, r, base, belief) = scorer(), inputs()
    whole = net(x, u, r, base, belief, AgentGraph.of(TEAMS, S, M))
    for q in range(Q):
        for p, team in enumerate(TEAMS):
            one = slice(q, q + 1)
            graph = AgentGraph.of([team], S, M)
            single = net(x[one], u, r, base[one], belief[one], graph)
            torch.testing.assert_close(single[0, 0], whole[q, p])


@pytest.mark.parametrize("order", [(1, 0, 2), (0, 2, 1), (2, 1, 0)])
def test_the_order_of_a_plan_s_agents_says_nothing(order: tuple[int, ...]) -> None:
    place = {old: new for new, old in enumerate(order)}
    other = Team(
        tuple(CHAIN.cells[old] for old in order),
        tuple((place[u], place[v]) for u, v in CHAIN.edges),
        place[CHAIN.answer],
    )
    net, tensors = scorer(), inputs()
    one, two = (net(*tensors, AgentGraph.of([team], S, M)) for team in (CHAIN, other))
    torch.testing.assert_close(one, two)


def test_messages_travel_along_the_edges() -> None:
    """A sender's LLM matters where its message is read, also through another agent."""
    net, tensors = scorer(), inputs()
    cut = Team(CHAIN.cells, ((1, 2),), 2)
    far = Team(CHAIN.cells, ((0, 1), (1, 2)), 2)
    for team, depends in ((cut, False), (far, True)):
        other = Team(((0, 0), *team.cells[1:]), team.edges, 2)
        one, two = (net(*tensors, AgentGraph.of([t], S, M)) for t in (team, other))
        assert bool((one - two).abs().max() > 1e-4) is depends


def test_roles_llms_and_shapes_that_no_training_saw() -> None:
    net = scorer()
    cells = tuple((j, j % 4) for j in range(9))
    edges = tuple((j, j + 1) for j in range(8))
    logits = net(*inputs(roles=9, backbones=4), AgentGraph.of([Team(cells, edges, 8)], 9, 4))
    assert logits.shape == (Q, 1)
    assert bool(logits.isfinite().all())


def test_plans_of_lone_agents_only() -> None:
    graph = AgentGraph.of([LONE], S, M)
    x, u, r, base, belief = inputs()
    torch.testing.assert_close(scorer()(x, u, r, base, belief, graph)[:, 0], base[:, 1, 1])
    assert list(graph.levels()) == []


def test_dollars_add_up_and_seconds_wait_for_what_is_read() -> None:
    graph = AgentGraph.of(TEAMS, S, M)
    usd = torch.tensor([[[1.0, 2.0], [4.0, 8.0], [16.0, 32.0]]])
    torch.testing.assert_close(total(usd, graph), torch.tensor([[8.0, 38.0, 25.0]]))
    torch.testing.assert_close(critical_path(usd, graph), torch.tensor([[8.0, 38.0, 24.0]]))


def test_sure_beliefs_have_finite_logits() -> None:
    assert bool(expected_logit(torch.tensor([0.0, 1.0])).isfinite().all())
