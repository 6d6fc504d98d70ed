"""Prices of budgets for a choice per question."""

from __future__ import annotations

import numpy as np
import pytest

from abgnn.errors import ConfigError
from abgnn.planning.assignment import assignment_prices
from abgnn.planning.budgets import Budget


def world(n: int = 300, m: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    usd = np.outer(rng.uniform(0.5, 1.5, n), 10.0 ** np.arange(m)) * 1e-6
    seconds = np.outer(rng.uniform(0.5, 1.5, n), [8.0, 4.0, 2.0, 1.0])
    score = rng.uniform(0, 1, (n, m)) * 0.5 + np.linspace(0, 0.4, m)
    return score, usd, seconds


@pytest.mark.parametrize(
    "budget",
    [
        Budget(1e-5, margin=0.97),
        Budget(2e-4, margin=0.97),
        Budget(1e-4, 3.0, margin=0.97),
        Budget(None, 2.0, margin=0.97),
    ],
)
def test_choices_at_the_prices_use_what_is_aimed_at(budget: Budget) -> None:
    score, usd, seconds = world()
    tok, lat = assignment_prices(score, usd, seconds, budget)
    pick = (score - tok * usd - lat * seconds).argmax(1)
    rows = np.arange(len(pick))
    for price, used, allowed in (
        (tok, usd, budget.cost_usd),
        (lat, seconds, budget.latency_s),
    ):
        if allowed is None:
            assert price == 0
            continue
        ratio = used[rows, pick].mean() / allowed
        assert ratio < 1.0
        if price > 0:  # the budget binds
            assert ratio == pytest.approx(0.97, abs=0.04)


def test_no_budget_has_no_price_and_an_impossible_one_buys_the_cheapest() -> None:
    score, usd, seconds = world()
    assert assignment_prices(score, usd, seconds, Budget()) == (0.0, 0.0)
    assert assignment_prices(score, usd, seconds, Budget(1.0)) == (0.0, 0.0)
    tok, _ = assignment_prices(score, usd, seconds, Budget(1e-9))
    assert ((score - tok * usd).argmax(1) == 0).all()
    with pytest.raises(ConfigError, match="quantile"):
        assignment_prices(score, usd, seconds, Budget(None, 2.0, 0.95))
