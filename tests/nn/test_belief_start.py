"""Where AgentBalance starts: beliefs about each question, or the catalogue's figures."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from abgnn.errors import ConfigError
from abgnn.models import AgentBalance
from abgnn.nn import BackboneTable, BeliefStart, LinearBelief
from abgnn.planning.beliefs import Belief
from abgnn.pools.build import Pools
from tests import tiny

N = 24


def linear(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Questions and logits `[N, 4, 4]` that are linear in them."""
    generator = torch.Generator().manual_seed(seed)
    query = torch.randn(N, tiny.H, generator=generator)
    weight = torch.randn(tiny.H, 16, generator=torch.Generator().manual_seed(9))
    return query, (0.5 * query @ weight).view(N, 4, 4)


def belief(logit: torch.Tensor) -> Belief:
    values = logit.double().numpy()
    flat = np.ones_like(values)
    return Belief(values, 0.1 * flat, 1 / (1 + np.exp(-values)), 1e-4 * flat, 2.0 * flat)


def believing(**kwargs: object) -> AgentBalance:
    torch.manual_seed(0)
    policy = AgentBalance(in_channels=tiny.H, channels=6, **kwargs)  # type: ignore[arg-type]
    policy.attach(tiny.table())
    query, logit = linear()
    batch = tiny.batch(N)
    batch.query_embed = query
    policy.believe(batch, belief(logit))
    return policy


def test_matching_starts_at_the_best_by_belief_on_unseen_questions() -> None:
    policy = believing()
    query, logit = linear(1)
    batch = tiny.batch(N)
    batch.query_embed = query
    chosen = policy(batch, sample=False).backbone.view(N, 4)
    accuracy = torch.sigmoid(logit)
    lost = accuracy.max(2).values - accuracy.gather(2, chosen.unsqueeze(2)).squeeze(2)
    assert float(lost.max()) < 0.05
    assert len(set(chosen[:, 0].tolist())) > 1  # by question
    assert bool((chosen[:, 0] != chosen[:, 1]).any())  # and by role


def test_prices_count_against_belief() -> None:
    policy = believing()
    batch = tiny.batch(N)
    reading = policy.prior.reading  # type: ignore[union-attr]
    assert reading is not None
    reading.usd[:, 2] = 1e-6  # all others a hundred times dearer
    policy.set_tradeoff(1e5, 0.0)
    assert set(policy(batch, sample=False).backbone.tolist()) == {2}


def test_checkpoints_keep_what_is_believed() -> None:
    policy, batch = believing(), tiny.batch(N)
    again = AgentBalance(in_channels=tiny.H, channels=6)
    again.attach(tiny.table())
    again.load_state_dict(policy.state_dict())
    a, b = policy(batch, sample=False), again(batch, sample=False)
    assert torch.equal(a.backbone, b.backbone)
    torch.testing.assert_close(a.log_probs, b.log_probs)
    fresh = AgentBalance(in_channels=tiny.H, channels=6)
    policy.load_state_dict(fresh.state_dict())  # one that believes nothing
    assert policy.prior is not None
    assert policy.prior.reading is None


def test_another_catalogue_has_its_own_figures() -> None:
    policy, table = believing(), tiny.table()
    names = tuple(reversed(table.names))
    pools = Pools(
        names, ((0, 1), (2, 3)), *(v.numpy() for v in (table.accuracy, table.cost, table.latency))
    )
    policy.attach(BackboneTable(table.embed, pools))
    blind = AgentBalance(in_channels=tiny.H, channels=6)
    blind.attach(BackboneTable(table.embed, pools))
    batch = tiny.batch(6)
    assert torch.equal(policy(batch, sample=False).backbone, blind(batch, sample=False).backbone)


def test_a_reading_of_linear_beliefs_is_exact() -> None:
    query, logit = linear()
    flat = torch.ones_like(logit)
    reading = LinearBelief.fit(query, torch.sigmoid(logit), flat, flat, ("abcd", "efgh"), 1e-9)
    torch.testing.assert_close(reading(query), torch.sigmoid(logit), atol=2e-3, rtol=0)
    assert reading.is_of("abcd", "efgh")
    assert not reading.is_of("abcd", "efhg")
    assert str(reading) == "LinearBelief(roles=4, backbones=4)"


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
        policy.believe(tiny.batch(N), belief(linear()[1]))
