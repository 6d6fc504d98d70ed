"""The variants of Table 3: each switches one part, and what is random is the query's own."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

from abgnn.data.resources import config_path
from abgnn.errors import ConfigError
from abgnn.evaluation.rows import Row
from abgnn.experiments.compare.ablation import compared_with_ours
from abgnn.experiments.compare.config import Comparison, Method
from abgnn.experiments.compare.job import Job, Result
from abgnn.experiments.experiment import build
from abgnn.graph.base_mas import BaseMAS
from abgnn.models.ablations import (
    AblatedBalance,
    EveryAgent,
    EveryEdge,
    NoHopLimit,
    RandomMatching,
    RandomPoolSelection,
)
from abgnn.pools.build import deal
from tests import tiny

VARIANTS = sorted(p.stem for p in (config_path("ablations/no_gating.yaml").parent).glob("*.yaml"))


def ablated(**parts: Any) -> AblatedBalance:
    torch.manual_seed(0)
    policy = AblatedBalance(in_channels=tiny.H, channels=6, init="paper", **parts)
    policy.attach(tiny.table(((0, 1, 2), (3, 4, 5))))
    return policy


def test_random_pools_are_a_querys_own() -> None:
    policy = ablated(pool_selection=RandomPoolSelection())
    batch = tiny.batch(64)
    torch.manual_seed(1)
    greedy = policy(batch, sample=False).pool.tolist()
    torch.manual_seed(2)
    assert policy(batch, sample=False).pool.tolist() == greedy  # the caller's state is no matter
    one = tiny.batch(64).to_data_list()[7]
    alone = policy(type(batch).from_data_list([one]), sample=False)
    assert alone.pool.tolist() == greedy[7:8]
    assert 16 < Counter(greedy)[0] < 48
    other = ablated(pool_selection=RandomPoolSelection(seed=1))
    assert other(batch, sample=False).pool.tolist() != greedy


def test_random_pools_are_sampled_uniformly_whatever_the_prior() -> None:
    policy = ablated(pool_selection=RandomPoolSelection(), upper_bound=1)
    assert policy(tiny.batch(32), sample=True).pool.eq(0).all()  # the bound of Table 6 holds
    policy.upper_bound = None
    torch.manual_seed(3)
    chosen = policy(tiny.batch(400), sample=True)
    assert 150 < int(chosen.pool.sum()) < 250
    expected = torch.full((400,), 0.5).log()
    torch.testing.assert_close(chosen.log_probs[:, 0], expected, atol=2e-4, rtol=0)


def test_random_matching_differs_by_role_and_stays_in_the_pool() -> None:
    policy = ablated(matching=RandomMatching())
    batch = tiny.batch(48)
    decision = policy(batch, sample=False)
    tier = decision.pool[batch.batch]
    assert (decision.backbone // 3 == tier).all()
    by_query = decision.backbone.view(48, 4) % 3
    assert len({tuple(row) for row in by_query.tolist()}) > 20
    assert policy(batch, sample=False).backbone.equal(decision.backbone)
    sampled = policy(batch, sample=True)
    expected = torch.full((48,), -4 * torch.log(torch.tensor(3.0)).item())
    torch.testing.assert_close(sampled.log_probs[:, 1], expected, atol=2e-3, rtol=0)


def test_log_prob_is_that_of_the_action() -> None:
    policy = ablated(pool_selection=RandomPoolSelection(), matching=RandomMatching())
    batch = tiny.batch(6)
    first = policy(batch, sample=True)
    again = policy(batch, sample=True, action=first.action)
    torch.testing.assert_close(again.log_probs, first.log_probs)


def test_every_agent_and_every_edge() -> None:
    dense = ablated(gate=EveryAgent(), edges=EveryEdge(), hops=NoHopLimit())
    for sample in (True, False):
        decision = dense(tiny.batch(5), sample=sample)
        assert all(len(plan.agents) == 4 for plan in decision.plans())
        assert decision.edge_mask.sum() == 5 * 3  # all pairs of three role agents
        assert decision.log_probs[:, 2:].abs().max() < 1e-9
        assert decision.penalty.eq(0).all()


def test_dealt_pools_keep_sizes_and_order() -> None:
    mas = BaseMAS(encoder="offline")
    dealt = deal(mas.pools, seed=3)
    assert sorted(map(len, dealt.members)) == sorted(map(len, mas.pools.members))
    assert dealt.mean(dealt.perf).tolist() == sorted(dealt.mean(dealt.perf).tolist())
    assert {deal(mas.pools, seed).members for seed in range(5)} != {mas.pools.members}
    assert BaseMAS(encoder="offline", pools="random", pools_seed=3).pools.members == dealt.members


@pytest.mark.parametrize("variant", VARIANTS)
def test_configs_switch_one_part(variant: str) -> None:
    full = build(["simulated/general.yaml"], ["--trainer.logger=false"]).model
    configs = ["simulated/general.yaml", f"ablations/{variant}.yaml"]
    model = build(configs, ["--trainer.logger=false"]).model
    before = {name: repr(part) for name, part in full.policy.named_children()}
    after = {name: repr(part) for name, part in model.policy.named_children()}
    changed = {name for name in before if before[name] != after[name]}
    assert (
        changed
        == {
            "random_pools": set(),
            "random_pool_selection": {"pool_selection"},
            "random_matching": {"matching"},
            "role_only": {"encoder"},
            "no_gating": {"gate"},
            "dense_topology": {"edges", "hops"},
        }[variant]
    )
    assert (full.mas.pools.members != model.mas.pools.members) == (variant == "random_pools")


def test_table_3_by_hand() -> None:
    def made(method: str, seed: int, row: tuple[float, float, float]) -> tuple[Job, Result]:
        job = Job(method, "p", seed, ("c",), (), None, 1, 1, (), "w")
        performance, usd, seconds = row
        rows = (Row("p", performance, 0, usd, seconds, 1, 1, 0, 1),)
        return job, Result("simulated", 1, rows, (((*row,),),), 1.0)

    point = {"model.lambda_tok": 10, "model.lambda_lat": 1e-3}
    ours = Method("ours", points={"p": point})
    theirs = Method("theirs", points={"p": point})
    base = Method("b", plain="complete")
    asked = Comparison(("x",), (ours, theirs, base), (1.0,), (1.0,), "ours", base="b", ablation="p")
    results = dict(
        [
            made("ours", 0, (0.9, 1e-3, 10)),
            made("ours", 1, (0.8, 2e-3, 20)),
            made("theirs", 0, (0.8, 3e-3, 10)),
            made("theirs", 1, (0.7, 4e-3, 40)),
        ]
    )
    first, second = compared_with_ours(asked, "p", results)
    assert first.less == {}
    assert first.mean["reward"] == pytest.approx(0.85 - 10 * 1.5e-3 - 1e-3 * 15)
    assert second.less["performance"] == pytest.approx((-0.1, 0.0))
    assert second.less["mUSD"] == pytest.approx((2.0, 0.0))
    assert second.less["s"][0] == pytest.approx(10)
    assert second.less["s"][1] == pytest.approx(12.706 * 10, rel=1e-3)  # t of one degree, SE 10
    with pytest.raises(ConfigError, match="ablation"):
        Comparison(("x",), (ours, base), (1.0,), (1.0,), "ours", base="b", ablation="q")


def test_compare_configs_name_what_exists() -> None:
    for domain in ("general", "math", "code"):
        asked = Comparison.from_yaml(f"compare/ablation-{domain}.yaml")
        assert len(asked.methods) == 8
        for method in asked.methods:
            assert all(Path(config_path(name)).is_file() for name in method.configs)
