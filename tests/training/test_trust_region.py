"""Steps of policy gradients within a trust region."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from lightning.pytorch import Trainer, seed_everything

from abgnn.errors import ConfigError
from abgnn.graph.base_mas import BaseMAS
from abgnn.models import AgentBalance, FixedGraph
from abgnn.rollout import SimulatedClient
from abgnn.training import LeaveOneOut, Reinforce, reinforce_loss
from abgnn.training.trust_region import hold_step, moved, weights_of
from datamodules import QuickQA
from tests import tiny


def stepped(lr: float, limit: float | None, steps: int = 10) -> AgentBalance:
    """A policy after some steps of Adam at random rewards: noise, and nothing to learn."""
    policy, batch = tiny.policy(init="beliefs"), tiny.batch(32)
    optimiser = torch.optim.Adam(policy.parameters(), lr=lr)
    torch.manual_seed(0)
    for _ in range(steps):
        decision = policy(batch, sample=True)
        optimiser.zero_grad()
        loss = reinforce_loss(decision, torch.randn(32), LeaveOneOut(), 8)
        torch.autograd.backward(loss)
        start = weights_of(policy)
        optimiser.step()
        if limit is not None:
            hold_step(policy, decision, start, limit)
            far = moved(policy, decision)
            assert far is not None
            assert float(far) <= limit
    return policy


def test_noise_does_not_make_a_policy_sure() -> None:
    """At the paper's learning rate; without a trust region it is sure of something."""
    entropy = [
        float(made(tiny.batch(32), sample=True).entropies[:, 2].mean().detach())
        for made in (tiny.policy(init="beliefs"), stepped(0.1, 0.1), stepped(0.1, None))
    ]
    assert entropy[1] > 0.5 * entropy[0]
    assert entropy[2] < 0.1 * entropy[0]


def test_a_short_step_is_left_alone() -> None:
    policy, batch = tiny.policy(init="beliefs"), tiny.batch(8)
    decision = policy(batch, sample=True)
    start = weights_of(policy)
    assert float(moved(policy, decision)) == pytest.approx(0, abs=1e-9)  # type: ignore[arg-type]
    with torch.no_grad():
        policy.gate.lin.bias.add_(0.01)
    after = weights_of(policy)
    assert hold_step(policy, decision, start, 0.1) == 1
    assert all(torch.equal(a, b) for a, b in zip(weights_of(policy), after, strict=True))


def test_a_long_step_is_halved_towards_its_start() -> None:
    policy, batch = tiny.policy(init="beliefs"), tiny.batch(8)
    decision = policy(batch, sample=True)
    start = weights_of(policy)
    before = float(policy.gate.lin.bias.detach())
    with torch.no_grad():
        policy.gate.lin.bias.add_(8.0)
    share = hold_step(policy, decision, start, 0.1)
    assert 0 < share < 1
    assert float(policy.gate.lin.bias.detach()) == pytest.approx(before + 8 * share, rel=1e-4)
    assert float(moved(policy, decision)) <= 0.1  # type: ignore[arg-type]
    with torch.no_grad():
        policy.gate.lin.bias.fill_(before + 16 * share)
    assert float(moved(policy, decision)) > 0.1  # type: ignore[arg-type]


def test_policies_that_cannot_say_the_probability_again_are_left_alone(mas: BaseMAS) -> None:
    policy = FixedGraph("Qwen3-8B")
    policy.attach(mas.table)
    decision = policy(mas.batch(tiny.queries(2)), sample=False)
    assert moved(policy, decision) is None
    assert hold_step(policy, decision, [], 0.1) == 1


def test_reinforce_holds_its_steps(mas: BaseMAS, tmp_path: Path) -> None:
    shares = {}
    for limit in (None, 0.01):
        seed_everything(0, verbose=False)
        made = Reinforce(
            AgentBalance(), mas, SimulatedClient(1), samples=4, lr=0.01, trust_region=limit
        )
        run = Trainer(
            accelerator="cpu", max_epochs=1, logger=False, enable_progress_bar=False,
            enable_model_summary=False, limit_val_batches=0, enable_checkpointing=False,
            default_root_dir=tmp_path, num_sanity_val_steps=0,
        )  # fmt: skip
        run.fit(made, datamodule=QuickQA(n_train=4, n_val=4, batch_size=4))
        shares[limit] = made.step_share
        assert "simulated/train/step_share" in run.callback_metrics
        assert made.decision is not None
        far = moved(made.policy, made.decision)
        assert far is not None
        assert (float(far) <= 0.01) == (limit is not None)
    assert shares[None] == 1
    assert shares[0.01] < 1
    with pytest.raises(ConfigError, match=r"model\.trust_region: got 0"):
        Reinforce(AgentBalance(), mas, SimulatedClient(1), trust_region=0)
