"""Profiles tell the encoder the facts, and estimates stand in for calls that were not made."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from abgnn.data.backbone import Backbone
from abgnn.data.catalogue import Catalogue
from abgnn.errors import ConfigError
from abgnn.pools.estimates import (
    DOMAINS,
    estimate,
    live_triples,
    performance,
    triples,
)


def backbone(name: str = "a", kind: str = "standard", **scores: float) -> Backbone:
    fields = {"model": "m", "type": kind, "price_in": 1.0, "price_out": 4.0, "active_params_b": 8}
    return Backbone(name=name, benchmarks={"math": scores} if scores else {}, **fields)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def paper() -> Catalogue:
    return Catalogue.from_yaml("catalogues/paper.yaml")


def test_performance_profile_tells_the_scores_of_the_domain_only(paper: Catalogue) -> None:
    text = paper["Qwen3-32B"].profiles("code").performance
    for fact in (
        "Qwen3-32B",
        "32 billion",
        "BFCL v3 63",
        "LiveCodeBench v5 31.3",
        "CodeForces 1353",
    ):
        assert fact in text
    assert "MMLU" not in text
    assert "of which 22 billion" in paper["Qwen3-235B-A22B"].profiles("code").performance


def test_the_two_modes_differ_in_performance_and_type_but_not_in_price(paper: Catalogue) -> None:
    direct, thinking = (paper[n].profiles("math") for n in ("Qwen3-8B", "Qwen3-8B-thinking"))
    assert direct.price == thinking.price
    assert "0.25 CNY" in direct.price
    assert "1 CNY" in direct.price
    assert direct.performance != thinking.performance
    assert direct.type != thinking.type


def test_a_missing_score_is_said(paper: Catalogue) -> None:
    assert "no published score" in backbone(X=1).profiles("code").performance


def test_estimated_triple_of_one_call(paper: Catalogue) -> None:
    # 150 + 130 prompt and 350 completion tokens, 8 B, 0.25 and 1 CNY per million tokens
    perf, cost, latency = estimate(paper["Qwen3-8B"], "general")
    assert perf == pytest.approx((0.795 + 0.393) / 2)
    assert cost == pytest.approx((280 * 0.25 + 350 * 1.0) * 1e-6 / 7.1)
    assert latency == pytest.approx(0.4 + 280 / 6000 + 350 / (140 * 8**-0.4))
    thinking = estimate(paper["Qwen3-8B-thinking"], "general")
    assert thinking.cost_usd == pytest.approx((280 * 0.25 + 5 * 350 * 1.0) * 1e-6 / 7.1)


def test_an_answer_is_no_longer_than_max_tokens(paper: Catalogue) -> None:
    short = dataclasses.replace(paper["Qwen3-8B"], max_tokens=35)
    assert DOMAINS["general"].usage(short).completion_tokens == 35


def test_a_rating_counts_as_the_expected_score_against_1500() -> None:
    even, above = backbone(CodeForces=1500), backbone(CodeForces=1900)
    assert performance(even, "math") == pytest.approx(0.5)
    assert performance(above, "math") == pytest.approx(10 / 11)


def test_a_missing_score_does_not_favour_who_lacks_it() -> None:
    # The hard benchmark B lies far below A for everybody; skipping it must not pay.
    peers = [backbone(str(a), A=a, B=a - 40) for a in (60, 70, 80, 90)]
    lacking, whole = backbone("x", A=70), peers[1]
    assert performance(lacking, "math") == pytest.approx(0.7)
    assert performance(lacking, "math", peers) == pytest.approx(
        performance(whole, "math", peers), abs=0.02
    )
    assert performance(lacking, "math", peers[:1]) < 0.55


def test_the_smallest_models_lack_codeforces_and_stay_last(paper: Catalogue) -> None:
    found = triples(paper, "code")
    order = [found.names[i] for i in np.argsort(found.perf)]
    assert order[0] == "Qwen3-1.7B"
    assert order.index("Qwen3-1.7B-thinking") < order.index("Qwen3-8B-thinking")


def test_a_backbone_without_scores_is_guessed_from_the_others_and_named(paper: Catalogue) -> None:
    both = paper.merged(Catalogue.from_yaml("catalogues/transfer.yaml"))
    found = triples(both, "general")
    assert found.unscored == ("Qwen3-Next-80B-A3B",)
    assert found.guessed.tolist() == [name in found.unscored for name in found.names]
    # Standard peers at the same price are Qwen3-32B and DeepSeek-V3.
    at = both.index("Qwen3-Next-80B-A3B")
    assert found.perf[at] == pytest.approx(found.perf[both.index("Qwen3-32B")], abs=0.05)


def test_scores_that_are_none_are_errors() -> None:
    with pytest.raises(ConfigError, match="general, math, code"):
        estimate(backbone(A=1), "poetry")
    with pytest.raises(ConfigError, match="percentage"):
        performance(backbone(Elo=1200), "math")


def test_live_calls_replace_estimated_cost_and_latency(paper: Catalogue) -> None:
    calls = [("Qwen3-8B", 1e-4, 2.0), ("Qwen3-8B", 3e-4, 4.0)]
    measured = live_triples(calls)
    assert measured["Qwen3-8B"] == pytest.approx((2e-4, 3.0))
    before, after = triples(paper, "math"), triples(paper, "math", measured)
    at = paper.index("Qwen3-8B")
    assert (after.cost[at], after.latency[at]) == pytest.approx((2e-4, 3.0))
    np.testing.assert_array_equal(np.delete(after.cost, at), np.delete(before.cost, at))
    np.testing.assert_array_equal(after.perf, before.perf)


@pytest.mark.parametrize("measured", [{"nobody": (1.0, 1.0)}, {"Qwen3-8B": (0.0, 1.0)}])
def test_impossible_measurements_are_refused(
    paper: Catalogue, measured: dict[str, tuple[float, float]]
) -> None:
    with pytest.raises(ConfigError, match="measured"):
        triples(paper, "math", measured)
