"""λ's as an input of the policy."""

from __future__ import annotations

import pytest
import torch

from abgnn.errors import ConfigError
from abgnn.models import AgentBalance
from abgnn.nn import Tradeoff
from tests import tiny


def made(**kwargs: object) -> AgentBalance:
    torch.manual_seed(3)
    policy = AgentBalance(in_channels=tiny.H, channels=6, init="paper", **kwargs)  # type: ignore[arg-type]
    policy.attach(tiny.table())
    return policy


def moved(tradeoff: Tradeoff) -> Tradeoff:
    with torch.no_grad():
        for parameter in tradeoff.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return tradeoff


def test_untrained_it_changes_nothing() -> None:
    batch = tiny.batch()
    plain, conditioned = made(), made(conditioned=True)
    assert str(conditioned.tradeoff) == repr(conditioned.tradeoff)
    conditioned.set_tradeoff(40.0, 5e-3)
    action = plain(batch, sample=False).action
    a, b = (p(batch, sample=False, action=action) for p in (plain, conditioned))
    torch.testing.assert_close(a.log_probs, b.log_probs)
    assert a.plans() == b.plans()


def test_every_factor_sees_the_lambdas_and_zero_is_a_value() -> None:
    batch, policy = tiny.batch(), made(conditioned=True)
    assert policy.tradeoff is not None
    moved(policy.tradeoff)
    action = policy(batch, sample=False).action
    found = []
    for lambdas in ((0.0, 0.0), (10.0, 0.0), (0.0, 1e-3)):
        policy.set_tradeoff(*lambdas)
        found.append(policy(batch, sample=False, action=action).log_probs)  # [B, 4]
        assert found[-1].isfinite().all()
    for other in found[1:]:
        assert ((other - found[0]).abs().amax(0) > 1e-4).all()  # pool, match, gate, edges


def test_every_weight_learns_from_the_untrained_state() -> None:
    batch, policy = tiny.batch(), made(conditioned=True)
    policy.set_tradeoff(10.0, 1e-3)
    tradeoff = policy.tradeoff
    assert tradeoff is not None
    policy(batch, sample=True).log_prob.sum().backward()
    for lin in (tradeoff.lin_scale, tradeoff.lin_role, tradeoff.lin_query, tradeoff.lin_weight):
        assert lin.weight.grad is not None
        assert float(lin.weight.grad.abs().max()) > 0


def test_the_batch_itself_is_left_alone() -> None:
    batch, tradeoff = tiny.batch(), moved(Tradeoff(tiny.H))
    role, query = batch.role_embed.clone(), batch.query_embed.clone()
    seen = tradeoff(batch)
    assert not torch.equal(seen.role_embed, role)
    assert not torch.equal(seen.query_embed, query)
    assert torch.equal(batch.role_embed, role)
    assert torch.equal(batch.query_embed, query)


def test_budgets_are_looked_up_among_what_was_taught() -> None:
    policy = made(conditioned=True)
    with pytest.raises(ConfigError, match="set_budget"):
        policy.set_budget(1e-3)
    with pytest.raises(ConfigError, match="set_budget"):
        made().set_budget(1e-3)
    assert policy.tradeoff is not None
    policy.tradeoff.taught = torch.tensor(  # λ_tok, λ_lat, accuracy, USD, seconds
        [
            [40.0, 4e-3, 0.7, 1e-4, 1.0],
            [10.0, 1e-3, 0.8, 5e-4, 9.0],
            [5.0, 2e-3, 0.75, 6e-4, 3.0],
            [0.0, 0.0, 0.9, 5e-3, 30.0],
        ]
    )
    assert policy.set_budget(1e-3) == pytest.approx((10, 1e-3))
    assert policy.set_budget(1e-3, 5.0) == pytest.approx((5, 2e-3))
    assert policy.set_budget() == (0, 0)
    assert policy.set_budget(5.2e-3) == (0, 0)
    assert policy.set_budget(5.2e-3, aim=0.9) == pytest.approx((10, 1e-3))
    assert policy.tradeoff.lambdas.tolist() == pytest.approx([10, 1e-3])
    with pytest.raises(ConfigError, match=r"cost_usd: got 1e-06; allowed: at least \$0\.00010[12]"):
        policy.set_budget(1e-6)
    with pytest.raises(ConfigError, match=r"latency_s: got 0\.5; allowed: at least 1\.0[12] s"):
        policy.set_budget(1e-3, 0.5)
    with pytest.raises(ConfigError, match="cost_usd"):
        policy.set_budget(-1.0)


def test_a_checkpoint_brings_its_table() -> None:
    policy = made(conditioned=True)
    assert policy.tradeoff is not None
    policy.tradeoff.taught = torch.rand(3, 5)
    policy.set_tradeoff(7.0, 1e-3)
    again = made(conditioned=True)
    again.load_state_dict(policy.state_dict())
    assert again.tradeoff is not None
    assert torch.equal(again.tradeoff.taught, policy.tradeoff.taught)
    assert torch.equal(again.tradeoff.lambdas, policy.tradeoff.lambdas)
