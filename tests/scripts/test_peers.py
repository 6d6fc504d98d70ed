"""The per-query renderings of `scripts/bench/peers` decide as our batched policies do."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import pytest
import torch
from peers_agent_balance import Tuple, agent_balance
from peers_agent_prune import agent_prune
from peers_g_designer import g_designer
from peers_mas_router import Cascade, mas_router
from peers_shape import Question
from torch import Tensor
from torch_geometric.data import Batch

from abgnn.models import AgentPrune, Decision, GDesigner, MasRouter
from abgnn.models.policy import Policy
from tests.tiny import H, batch, policy, table

P = TypeVar("P", bound=Policy)
SIZE, ROLES = 12, 5
EDGES = ROLES * (ROLES - 1) // 2


def questions(asked: Batch) -> list[Question]:
    """The graphs of a batch, one by one."""
    roles = asked.role_embed.view(SIZE, ROLES + 1, -1)
    return [
        Question(query, asked.query_embed[b], roles[b], asked.template[b])
        for b, query in enumerate(asked.query)
    ]


def wide(seed: int = 3) -> Batch:
    """Twelve questions in doubles: their domains differ, each has all five roles."""
    made = batch(SIZE, ROLES, seed)
    domains = ("general", "math", "code")
    made.query = [replace(q, domain=domains[b % 3]) for b, q in enumerate(made.query)]
    made.role_embed, made.query_embed = made.role_embed.double(), made.query_embed.double()
    return made


def attached(made: P) -> P:
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.5 * torch.randn_like(parameter))
    made.attach(table())
    made.table.double()
    return made.double().eval()


def close(ours: Tensor, theirs: list[Tensor]) -> None:
    torch.testing.assert_close(ours, torch.stack(theirs), rtol=1e-7, atol=1e-7)


def judged(decision: Decision, b: int) -> Tuple:
    """What was drawn for one question."""
    action, first = decision.action, b * (ROLES + 1)
    edges = zip(decision.batch.template[b].edges, action.edge.view(SIZE, EDGES)[b], strict=True)
    return Tuple(
        int(action.pool[b]),
        action.backbone[first : first + ROLES + 1].tolist(),
        action.gate[first : first + ROLES + 1].tolist(),
        {edge: bool(taken) for edge, taken in edges},
    )


@pytest.mark.parametrize("min_agents", [1, 2])
def test_agent_balance(min_agents: int) -> None:
    made = attached(policy(min_agents=min_agents))
    asked = wide()
    drawn = made(asked, sample=True)
    drawn = made(asked, sample=False, action=drawn.action)  # as it is judged
    alone = [agent_balance(made, q, judged(drawn, b)) for b, q in enumerate(questions(asked))]
    close(drawn.log_prob, [one.log_prob for one in alone])
    close(drawn.penalty, [one.penalty for one in alone])
    assert drawn.penalty.any(), "no path over its limit: pruning is not compared"
    assert drawn.plans() == [one.plan for one in alone]
    most = made(asked, sample=False).plans()
    assert most == [agent_balance(made, q, sample=False).plan for q in questions(asked)]


def test_gradients_of_agent_balance() -> None:
    made = attached(policy())
    asked = wide()
    drawn = made(asked, sample=True)
    made(asked, sample=False, action=drawn.action).log_prob.sum().backward()
    ours = {name: p.grad.clone() for name, p in made.named_parameters() if p.grad is not None}
    made.zero_grad()
    alone = [agent_balance(made, q, judged(drawn, b)) for b, q in enumerate(questions(asked))]
    torch.stack([one.log_prob for one in alone]).sum().backward()
    for name, parameter in made.named_parameters():
        if parameter.grad is not None:
            torch.testing.assert_close(ours[name], parameter.grad, msg=name)


def test_mas_router() -> None:
    made = attached(MasRouter(H, 6, max_agents=4, count="released", noise=0.0))
    asked = wide()
    drawn = made(asked, sample=True)
    action = zip(*(s.tolist() for s in drawn.action.stages()), strict=True)
    alone = [
        mas_router(made, q, Cascade(mode, role, llm))
        for q, (mode, _, role, llm) in zip(questions(asked), action, strict=True)
    ]
    close(drawn.log_prob, [one.log_prob for one in alone])
    torch.testing.assert_close(drawn.extra_loss, torch.stack([one.loss for one in alone]).mean())
    assert drawn.plans() == [one.plan for one in alone]


def test_g_designer() -> None:
    made = attached(GDesigner("b1", n_agents=ROLES, in_channels=H))
    asked = wide()
    torch.manual_seed(2)
    edges = made._draw(made._design(asked, asked.template[0], sample=True).logits, [None],
                       asked.query, sample=True)[0].edges  # fmt: skip
    drawn = made(asked, sample=True, action=[edges])
    alone = [
        g_designer(made, q, {(u, v) for u, v in edges[b].nonzero().tolist()})
        for b, q in enumerate(questions(asked))
    ]
    close(drawn.log_prob, [one.log_prob for one in alone])
    assert drawn.plans() == [one.plan for one in alone]


def test_agent_prune() -> None:
    made = attached(AgentPrune("b1", n_agents=ROLES, rounds=2))
    made.after_step(5)  # some pairs are shut
    asked = wide()
    torch.manual_seed(2)
    rounds = made.drawn(asked.query, sample=True)
    torch.manual_seed(2)
    drawn = made(asked, sample=True)

    def pairs(edges: Tensor) -> set[tuple[int, int]]:
        return {(u, v) for u, v in edges.nonzero().tolist()}

    alone = [
        agent_prune(made, q, [(pairs(s.edges[b]), pairs(t.edges[b])) for s, t in rounds])
        for b, q in enumerate(questions(asked))
    ]
    close(drawn.log_prob, [one.log_prob for one in alone])
    assert drawn.plans() == [one.plan for one in alone]
