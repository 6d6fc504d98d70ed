"""Where AgentBalance starts: beliefs about each question, or the catalogue's figures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch_geometric.data import Batch

from abgnn.data.arrays import Array
from abgnn.errors import ConfigError
from abgnn.models import AgentBalance
from abgnn.models.agent_beliefs import AgentBeliefs
from abgnn.nn import BackboneTable, BeliefStart
from abgnn.planning import Questions
from abgnn.planning.beliefs import Belief
from abgnn.pools.build import Pools
from tests import tiny

N = 24


@dataclass(frozen=True)
class Linear:
    """Logits that are linear in the embedding, of `tiny`'s roles and LLMs."""

    weight: Array  # [H, 4, 4]
    usd: Array  # [4, 4]
    seconds: float = 2.0
    backbones: tuple[str, ...] = tiny.table().names
    roles: tuple[str, ...] = tuple(role.name for role in tiny.template().roles)

    def __call__(self, questions: Questions) -> Belief:
        logit = np.tensordot(questions.embedding, self.weight, 1)
        flat = np.ones_like(logit)
        accuracy = 1 / (1 + np.exp(-logit))
        return Belief(logit, 0.1 * flat, accuracy, self.usd * flat, self.seconds * flat)


def beliefs(usd: Array | None = None) -> Linear:
    weight = 0.5 * np.random.default_rng(9).standard_normal((tiny.H, 4, 4))
    return Linear(weight, 1e-4 * np.ones((4, 4)) if usd is None else usd)


def asked(seed: int = 0) -> Batch:
    """Questions that every encoder tells apart."""
    batch = tiny.batch(N)
    batch.query_embed = torch.randn(N, tiny.H, generator=torch.Generator().manual_seed(seed))
    return batch


def believing(known: Linear | None = None, **kwargs: object) -> AgentBalance:
    torch.manual_seed(0)
    policy = AgentBalance(in_channels=tiny.H, channels=6, **kwargs)  # type: ignore[arg-type]
    policy.attach(tiny.table())
    policy.believe(AgentBeliefs(known or beliefs(), "none"))
    return policy


def test_the_start_is_the_lone_agent_that_is_worth_most_on_each_question() -> None:
    policy, batch, known = believing(), asked(1), beliefs()
    plans = policy(batch, sample=False).plans()
    logit = np.tensordot(batch.query_embed.numpy(), known.weight, 1)[:, :3]  # no decision agent
    best = [np.unravel_index(row.argmax(), row.shape) for row in logit]
    assert all(len(plan.agents) == 1 for plan in plans)
    is_ = [(known.roles.index(a.role.name), known.backbones.index(a.backbone)) for a in
           (plan.agents[0] for plan in plans)]  # fmt: skip
    assert is_ == [(int(j), int(m)) for j, m in best]
    assert len(set(is_)) > 3


def test_prices_count_against_belief() -> None:
    usd = 1e-4 * np.ones((4, 4))
    usd[:, 2] = 1e-6  # all others a hundred times dearer
    policy = believing(beliefs(usd))
    policy.set_tradeoff(1e5, 0.0)
    assert set(policy(asked(), sample=False).backbone.tolist()) == {2}


def test_checkpoints_keep_what_is_believed() -> None:
    policy, batch = believing(), asked()
    again = AgentBalance(in_channels=tiny.H, channels=6)
    again.attach(tiny.table())
    again.load_state_dict(policy.state_dict())
    a, b = policy(batch, sample=False), again(batch, sample=False)
    assert torch.equal(a.backbone, b.backbone)
    torch.testing.assert_close(a.log_probs, b.log_probs)
    fresh = AgentBalance(in_channels=tiny.H, channels=6)
    policy.load_state_dict(fresh.state_dict())  # one that believes nothing
    assert policy.prior is not None
    assert policy.prior.beliefs is None


def test_a_smaller_catalogue_is_believed_of_too() -> None:
    policy, batch = believing(), asked(2)
    seen = policy.prior.seen(batch, ("b3", "b1"))  # type: ignore[union-attr]
    whole = policy.prior.seen(batch, policy.table.names)  # type: ignore[union-attr]
    assert seen is not None
    assert whole is not None
    assert torch.equal(seen.accuracy, whole.accuracy[:, :, [3, 1]])
    assert policy.prior.seen(batch, ("b3", "another")) is None  # type: ignore[union-attr]


def test_budgets_are_not_looked_up_for_llms_that_were_not_taught() -> None:
    policy, table = believing(), tiny.table()
    policy.tradeoff.taught = torch.tensor([[1.0, 0.0, 0.8, 1e-4, 2.0]])  # type: ignore[union-attr]
    assert policy.set_budget(1e-3) == pytest.approx((1.0, 0.0))
    figures = tuple(v.numpy() for v in (table.accuracy, table.cost, table.latency))
    new = Pools(("b0", "b1", "b2", "new"), ((0, 1), (2, 3)), *figures)
    policy.attach(BackboneTable(table.embed, new))
    with pytest.raises(ConfigError, match=r"mas\.catalogue: got \['new'\]; allowed: .*'b3'"):
        policy.set_budget(1e-3)


def test_another_catalogue_has_its_own_figures() -> None:
    policy, table = believing(), tiny.table()
    names = ("b3", "b2", "b1", "another")
    pools = Pools(
        names, ((0, 1), (2, 3)), *(v.numpy() for v in (table.accuracy, table.cost, table.latency))
    )
    policy.attach(BackboneTable(table.embed, pools))
    blind = AgentBalance(in_channels=tiny.H, channels=6)
    blind.attach(BackboneTable(table.embed, pools))
    batch = tiny.batch(6)
    assert torch.equal(policy(batch, sample=False).backbone, blind(batch, sample=False).backbone)


def test_every_llm_is_on_offer_unless_tiers_are_stated() -> None:
    names = tuple("abcd")
    perf, cost = (
        np.array([0.9, 0.8, 0.7, 0.6]),
        np.array([1.0, 2.0, 3.0, 4.0]),
    )  # all dominated by a
    table = BackboneTable(torch.randn(4, 3, tiny.H), Pools(names, ((0,),), perf, cost, cost))
    policy = AgentBalance(in_channels=tiny.H, channels=6)
    policy.attach(table)
    torch.manual_seed(0)
    policy.prior.temperature = 100.0  # type: ignore[union-attr]
    drawn = policy(tiny.batch(40), sample=True)
    assert set(drawn.backbone.tolist()) == {0, 1, 2, 3}
    assert drawn.pool.eq(0).all()
    tiers = AgentBalance(in_channels=tiny.H, channels=6, tiers=True)
    tiers.attach(table)
    assert set(tiers(tiny.batch(40), sample=True).backbone.tolist()) == {0}
    for kwargs in ({"upper_bound": 1}, {"init": "paper"}, {"init": "profile"}):
        assert AgentBalance(in_channels=tiny.H, **kwargs).tiers  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"policy\.upper_bound"):
        AgentBalance(tiers=False, upper_bound=2)


def test_bins_follow_where_each_tier_pays() -> None:
    """Easy questions to the weak tier, hard ones to the strong one; none where it never pays."""
    start, table = BeliefStart(1.0, 1.0, bins=True), tiny.table()
    policy = AgentBalance(in_channels=tiny.H, channels=6, tiers=True, delta=0.0)
    policy.attach(table)
    start.lambda_tok.fill_(250.0)  # 0.025 and 0.25 for one of the strong tier's calls
    width = start.pools(table).exp()
    assert 0.1 < float(width[0]) < 0.9
    policy.set_tradeoff(250.0, 0.0)
    chosen = policy.pool_log_prob(torch.tensor([0.02, 0.98])).argmax(1)
    assert chosen.tolist() == [0, 1]
    start.lambda_tok.fill_(0.0)
    assert float(start.pools(table).exp()[0]) < 0.05  # better everywhere, and it costs nothing
    assert len(set(policy(tiny.batch(20), sample=False).pool.tolist())) == 1  # no signal, no spread


def test_paper_mode_believes_nothing() -> None:
    policy = AgentBalance(in_channels=tiny.H, init="paper")
    policy.attach(tiny.table())
    with pytest.raises(ConfigError, match=r"policy\.init: got 'paper'"):
        policy.believe(AgentBeliefs(beliefs(), "none"))
