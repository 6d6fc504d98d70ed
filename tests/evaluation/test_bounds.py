"""Bounds of scores and of mixtures: exact small cases, and how often they cover."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from abgnn.evaluation.bounds import Part, combined, mean_bounds, score_bounds
from abgnn.evaluation.certificate import alpha_of_look, certify
from abgnn.evaluation.strata import Strata
from tests.evaluation.test_certificate import outcomes


def test_all_right_is_not_certainty() -> None:
    """40 of 40: the share may be as low as that which does so in one sample of 20."""
    low, high = score_bounds(np.ones(40), 0.95)
    assert low == pytest.approx(0.05 ** (1 / 40))
    assert high == 1
    assert score_bounds(np.zeros(40), 0.95) == pytest.approx((0, 1 - 0.05 ** (1 / 40)))
    mean, low, high = certify(outcomes([1.0, 2.0] * 20), cost_usd=9.0).accuracy
    assert (mean, high) == (1, 1)
    assert low == pytest.approx((0.05 * 0.8) ** (1 / 40))


def test_equal_fractions_are_not_certainty() -> None:
    low, high = score_bounds(np.full(40, 0.5), 0.95)
    assert 0.35 < low < 0.5 < high < 0.65
    few = score_bounds(np.full(8, 0.5), 0.95)
    assert few[0] < low
    assert few[1] > high


def test_fractions_cover_and_are_narrower_than_shares() -> None:
    rng = np.random.default_rng(0)
    bounds = np.array([score_bounds(rng.beta(8, 2, 60), 0.95) for _ in range(200)])
    assert (bounds[:, 0] <= 0.8).mean() > 0.94
    assert (bounds[:, 1] >= 0.8).mean() > 0.94
    exact = score_bounds(np.repeat([1.0, 0.0], [48, 12]), 0.95)
    assert np.median(bounds[:, 0]) > exact[0]


def test_a_mixture_adds_its_parts_distances_like_standard_errors() -> None:
    parts = [Part(0.75, 1.0, 0.8, 1.4), Part(0.25, 10.0, 7.0, 14.0)]
    mean, low, high = combined([(1.0, parts)], 40, 0.95)
    assert mean == pytest.approx(3.25)
    assert low == pytest.approx(3.25 - math.hypot(0.75 * 0.2, 0.25 * 3))
    assert high == pytest.approx(3.25 + math.hypot(0.75 * 0.4, 0.25 * 4))
    one, other = [Part(1.0, 1.0, 1.0, 1.0)], [Part(1.0, 3.0, 3.0, 3.0)]
    mean, low, high = combined([(0.5, one), (0.5, other)], 100, 0.95)
    assert high - mean == pytest.approx(1.644854 / 10)  # as the shares of cells were observed


def test_a_part_that_no_query_got_counts_with_what_it_may_cost() -> None:
    ids = [f"q{i}" for i in range(40)]
    strata = Strata(
        dict.fromkeys(ids, ("all", "cheap")), {"all": {"cheap": 0.97, "dear": 0.03}}
    )  # no query got the dear part
    costs = np.random.default_rng(0).lognormal(0, 0.3, 40).tolist()
    blind = certify(outcomes(costs), cost_usd=1.5)
    assert blind.verdict == "met"
    unknown = certify(outcomes(costs), cost_usd=1.5, strata=strata)
    assert unknown.verdict == "not certified"
    assert unknown.findings[0].high == math.inf
    assert unknown.to_dict()["findings"][0]["high"] is None
    capped = certify(outcomes(costs), cost_usd=1.5, strata=strata, most_usd=100.0)
    assert 3 < capped.findings[0].high < 4.5
    assert capped.parts == (("cheap", 0.97, 40), ("dear", 0.03, 0))


def test_two_budgets_share_the_error_and_looks_spend_it() -> None:
    rng = np.random.default_rng(0)
    made = outcomes(rng.lognormal(0, 0.5, 60).tolist(), rng.lognormal(1, 0.5, 60).tolist())
    one, both = certify(made, cost_usd=2.0), certify(made, cost_usd=2.0, latency_s=9.0)
    assert one.each == pytest.approx(1 - 0.05 * 0.8)
    assert both.each == pytest.approx(1 - 0.05 * 0.8 / 2)
    assert both.findings[0].high > one.findings[0].high
    again = certify(made, cost_usd=2.0, look=2)
    assert again.alpha == pytest.approx(0.05 * 0.16)
    assert again.findings[0].high > one.findings[0].high
    assert sum(alpha_of_look(0.95, k) for k in range(1, 30)) <= 0.05 + 1e-12
    assert "look 2" in again.text()


def test_a_mixture_is_known_better_by_its_parts() -> None:
    """Between cheap and dear parts nothing varies: their shares are known."""
    rng = np.random.default_rng(0)
    dear = np.arange(60) < 30
    costs = np.where(dear, rng.lognormal(2, 0.1, 60), rng.lognormal(0, 0.1, 60))
    made = outcomes(costs.tolist())
    parts = {f"q{i}": ("", "dear" if d else "cheap") for i, d in enumerate(dear)}
    strata = Strata(parts, {"": {"dear": 0.5, "cheap": 0.5}})
    together = certify(made, cost_usd=9.0).findings[0]
    apart = certify(made, cost_usd=9.0, strata=strata).findings[0]
    assert apart.value == pytest.approx(together.value)
    assert apart.high - apart.value < 0.3 * (together.high - together.value)
    other = replace(strata, shares={"": {"dear": 0.1, "cheap": 0.9}})
    assert certify(made, cost_usd=9.0, strata=other).findings[0].value < 0.5 * apart.value


def covered(n: int, counts: tuple[int, ...], repetitions: int) -> tuple[float, float]:
    """How often the bounds of a mixture with a 3 % part at 40 times the price hold."""
    rng = np.random.default_rng(n)
    shares, price = (0.62, 0.35, 0.03), (1.0, 2.0, 40.0)
    truth = sum(s * p for s, p in zip(shares, price, strict=True)) * math.exp(0.6**2 / 2)
    places = np.repeat(range(3), counts)
    ids = [f"q{i}" for i in range(n)]
    strata = Strata(
        {q: ("", str(p)) for q, p in zip(ids, places, strict=True)},
        {"": {str(k): s for k, s in enumerate(shares)}},
    )
    held = []
    for k in range(repetitions):
        x = np.array(price)[places] * rng.lognormal(0, 0.6, n)
        bounds = partial(mean_bounds, confidence=0.95, seed=k)
        _, low, high = strata.mean(ids, x, bounds, 0.95, (0.0, math.inf))
        held.append((low <= truth, high >= truth))
    low, high = np.mean(held, axis=0)
    return float(low), float(high)


def test_rare_dear_parts_are_covered() -> None:
    low, high = covered(36, (12, 12, 12), 150)  # 2.5 standard errors below 0.95
    assert low > 0.905
    assert high > 0.905
