"""The question reaches what AgentBalance decides: ranges over questions, with backbones fixed."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from torch import Tensor
from torch_geometric.data import Batch

from abgnn.graph.query_graph import batch_of
from abgnn.models import Action, AgentBalance
from abgnn.nn import AgentEncoder
from abgnn.training import LeaveOneOut, reinforce_loss
from abgnn.training.trust_region import hold_step, weights_of
from tests import tiny

H, ROLES = 32, 3


def graphs(n: int, seed: int) -> tuple[Batch, Tensor]:
    """Questions of two kinds, by the sign of one direction, and which kind each is of."""
    fixed = torch.Generator().manual_seed(0)
    roles = torch.nn.functional.normalize(torch.randn(ROLES + 1, H, generator=fixed), dim=-1)
    direction = torch.nn.functional.normalize(torch.randn(H, generator=fixed), dim=-1)
    drawn = torch.Generator().manual_seed(seed)
    kind = torch.arange(n) % 2
    noise = torch.randn(n, H, generator=drawn) / H**0.5
    query = torch.nn.functional.normalize(noise + (2.0 * kind - 1).unsqueeze(1) * direction, dim=-1)
    return batch_of(tiny.template(ROLES), roles, tiny.queries(n), query), kind


def policy(**kwargs: object) -> AgentBalance:
    torch.manual_seed(0)
    made = AgentBalance(in_channels=H, channels=64, **kwargs)  # type: ignore[arg-type]
    made.attach(tiny.table(width=H).scaled(H**-0.5))  # unit rows, nearly, as an encoder's
    return made


def action(batch: Batch, kind: Tensor) -> Action:
    """Backbone 1 for all; kind 0: the first role alone; kind 1: all roles, all edges."""
    many = kind.bool()
    gate = many.repeat_interleave(ROLES + 1) | (batch.rank == 0)
    return Action(
        torch.zeros(len(kind), dtype=torch.long),
        torch.ones(batch.num_nodes, dtype=torch.long),
        gate & ~batch.is_decision,
        many.repeat_interleave(3),
    )


@cache
def taught() -> AgentBalance:
    """Imitates a plan that depends on the kind of the question."""
    made = policy()
    batch, kind = graphs(32, 1)
    target = action(batch, kind)
    optimiser = torch.optim.AdamW(made.parameters(), lr=3e-3)
    for _ in range(25):
        decision = made(batch, sample=False, action=target)
        optimiser.zero_grad()
        torch.autograd.backward(-decision.log_prob.mean())
        optimiser.step()
    return made


def ranges(made: AgentBalance, batch: Batch) -> tuple[float, float]:
    """Over questions, the least of the gates' and of the edges' ranges, backbones fixed."""
    fixed = made(batch, sample=False, action=action(batch, torch.ones(batch.num_graphs)))
    logits = made.choice_logits(fixed.batch.x, batch.edge_index, batch)
    gate = logits["gate"].view(batch.num_graphs, -1)[:, :ROLES]
    edge = logits["edge"].view(batch.num_graphs, -1)
    spans = [(v.max(0).values - v.min(0).values).min() for v in (gate, edge)]
    return float(spans[0].detach()), float(spans[1].detach())


def test_taught_gates_and_edges_range_over_unseen_questions() -> None:
    batch, kind = graphs(40, 2)
    gate, edge = ranges(taught(), batch)
    assert gate >= 0.2
    assert edge >= 0.2
    plans = taught()(batch, sample=False).plans()
    agents = torch.tensor([len(plan.agents) for plan in plans])
    assert agents[kind == 1].float().mean() > agents[kind == 0].float().mean() + 1


def test_hop_limits_depend_on_the_question() -> None:
    batch, _ = graphs(40, 2)
    everyone = action(batch, torch.ones(40))
    limit = taught()(batch, sample=False, action=everyone).hop_limit.detach()
    assert float(limit.max() - limit.min()) > 0.02


def test_reinforce_moves_gates_by_question_within_ten_steps() -> None:
    """At the default learning rate, in the trust region: a choice can be changed."""
    made = policy()
    batch, kind = graphs(16, 3)
    many = Batch.from_data_list([g for g in batch.to_data_list() for _ in range(8)])
    wanted = action(batch, kind).gate.view(16, -1).repeat_interleave(8, 0)
    optimiser = torch.optim.Adam(made.parameters(), lr=1e-3)
    torch.manual_seed(0)
    for _ in range(10):
        decision = made(many, sample=True)
        reward = (decision.action.gate.view(128, -1) == wanted).float().mean(1)
        loss = reinforce_loss(decision, reward, LeaveOneOut(), 8)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        start = weights_of(made)
        optimiser.step()
        hold_step(made, decision, start, 0.1)
    gate, _ = ranges(made, graphs(40, 2)[0])
    assert gate >= 0.2


@pytest.mark.parametrize("learned", [False, True])
def test_without_the_template_s_edges_agents_look_different(learned: bool) -> None:
    """Where a team works, and on one LLM too; one that is taught to work alone may ignore them."""
    made = taught() if learned else policy()
    batch, kind = graphs(6, 4)
    x = made(batch, sample=False, action=action(batch, kind)).batch.x
    none = batch.edge_index[:, :0]
    alone = made.encoder(x, none).detach()
    change = (made.encoder(x, batch.edge_index).detach() - alone).norm(dim=1)
    receives = torch.zeros(batch.num_nodes, dtype=torch.bool)
    receives[batch.edge_index[1]] = True
    team = kind.bool().repeat_interleave(ROLES + 1) if learned else receives
    assert bool((change[receives & team] > 0.02 * alone.norm(dim=1)[receives & team]).all())
    assert float(change[~receives].max()) < 1e-4


@pytest.mark.parametrize("film", [False, True])
def test_two_roles_are_told_apart_by_question_only_with_their_product(film: bool) -> None:
    """The gap between two agents of one backbone is the same for all questions without it, once
    attention has nothing to choose from."""
    batch, kind = graphs(8, 5)
    torch.manual_seed(1)
    encoder = AgentEncoder(H, 16, "agents", film=film)
    x = policy()(batch, sample=False, action=action(batch, kind)).batch.x
    h = encoder(x, batch.edge_index[:, :0]).view(8, ROLES + 1, -1).detach()
    gap = h[:, 0] - h[:, 1]  # [B, D]
    spread = float((gap - gap.mean(0)).abs().max())
    assert (spread > 0.1) == film
