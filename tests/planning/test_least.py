"""Budgets that no plan can meet are refused, with a least that does meet them."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from abgnn.errors import ConfigError
from abgnn.planning import OutcomeModel
from abgnn.planning.budgets import Budget, Stratum, budgeted_mix
from abgnn.planning.least import quantile_least, refusal, refusal_by_question
from abgnn.planning.planner import plan
from abgnn.planning.search import Searcher
from tests.planning.test_kinds import calibration, two_kinds
from tests.planning.test_planner import ALL, TEMPLATE, observations, profile

USD, SECONDS = np.array([1e-4, 5e-4, 2e-3]), np.array([30.0, 8.0, 2.0])


def named(error: ConfigError) -> list[float]:
    return [float(x) for x in re.findall(r"(?<=\$)[\d.e-]+|[\d.e-]+(?= s\b)", error.allowed)]


def test_field_value_and_least_are_named() -> None:
    cost = refusal(1e-12, None, USD, SECONDS)
    assert (cost.field, cost.value) == ("cost_usd", 1e-12)
    assert named(cost) == [1e-4]
    both = refusal(1e-12, 1.0, USD, SECONDS)
    assert (both.field, both.value) == ("cost_usd, latency_s", (1e-12, 1.0))
    assert named(both) == [1e-4, 2]
    late = refusal(1.0, 1.0, USD, SECONDS)
    assert (late.field, named(late)) == ("latency_s", pytest.approx([2], rel=0.03))


def test_budgets_that_clash_are_named_together() -> None:
    """Half of 8 s and half of 2 s is 5 s, at 1.25 mUSD; 4e-4 USD go with 13.5 s."""
    clash = refusal(4e-4, 5.0, USD, SECONDS)
    assert clash.field == "cost_usd, latency_s"
    assert named(clash) == pytest.approx([1.02 * 1.25e-3, 5, 1.02 * 13.5, 4e-4], rel=0.01)


def test_groups_share_a_budget() -> None:
    usd = np.array([[1e-4, 1e-3], [3e-4, 2e-4]])
    error = refusal_by_question(1e-5, None, usd, np.ones((2, 2)))
    assert named(error) == [1.5e-4]


def test_what_is_named_is_rounded_up() -> None:
    assert named(refusal(1e-9, None, np.array([1.23411e-4]), np.ones(1))) == [1.24e-4]


def test_the_least_of_a_quantile() -> None:
    slow, quick = np.linspace(0, 100, 1001), np.linspace(0, 10, 1001)
    groups = np.array([0, 0])
    assert quantile_least([slow, quick], groups, (1.0,), 0.05) == pytest.approx(9.5, abs=0.02)


@pytest.mark.parametrize(
    "budget",
    [Budget(1e-12), Budget(None, 1e-3), Budget(1e-12, 1e-3), Budget(1.2e-4, 3.0),
     Budget(None, 0.1, 0.95), Budget(1e-12, strict=True)],
)  # fmt: skip
def test_plans_are_refused_and_the_least_will_do(budget: Budget) -> None:
    seen = calibration(observations(400), apart=False)
    with pytest.raises(ConfigError, match=r"at least") as refused:
        plan(seen, budget)
    assert not plan(seen, budget, nearest=True).feasible
    least = named(refused.value)
    fields = refused.value.field.split(", ")
    if "together" in refused.value.allowed:  # the first one, with the other as it is
        fields, least = fields[:1], [least[0] * 1.001]
    free = replace(budget, strict=False)
    if "any amount" in refused.value.allowed:
        free = replace(free, cost_usd=None, latency_s=None)
    for field, value in zip(fields, least, strict=True):
        assert plan(seen, replace(free, **{field: value})).feasible  # type: ignore[arg-type]


def test_kinds_are_refused_together() -> None:
    model = OutcomeModel.fit(two_kinds(), profile((0.7,) * 4), TEMPLATE)
    strata = [Stratum(k, 0.5, Searcher(model, ALL, 0, g)) for g, k in enumerate("xy")]
    refused = budgeted_mix(strata, Budget(1e-9))
    with pytest.raises(ConfigError, match=r"cost_usd.*1e-09.*at least"):
        refused.required()
    [least] = named(refused.refusal or ConfigError("", "", ""))
    assert budgeted_mix(strata, Budget(least)).required().feasible
