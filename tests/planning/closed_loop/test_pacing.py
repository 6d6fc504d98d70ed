"""Budgets kept while questions are answered."""

from __future__ import annotations

import numpy as np
import pytest

from abgnn.errors import ConfigError
from abgnn.planning.closed_loop.pacing import PacedPrices, Pacer

BUDGET = 2.0


def price(budget: float) -> float:
    """Of a market where λ = 1 / budget spends the budget."""
    return 1.0 / max(budget, 1e-9)


def spend(paced: PacedPrices, dearer: float, questions: int = 400) -> tuple[float, float]:
    """Means of what is spent; both cost more than is foreseen in the second half."""
    rng, spent = np.random.default_rng(0), []
    for i in range(questions):
        factor = dearer if 2 * i >= questions else 1.0
        spent.append([factor * rng.exponential(1 / at) for at in paced.next])
        paced.add(*spent[-1])
    usd, seconds = np.mean(spent, 0)
    return float(usd), float(seconds)


@pytest.mark.parametrize("questions", [400, None])
def test_both_budgets_are_kept_when_calls_become_dearer(questions: int | None) -> None:
    paced = PacedPrices(
        (1.0, 1.0), Pacer(BUDGET, price, questions), Pacer(3 * BUDGET, price, questions)
    )
    usd, seconds = spend(paced, dearer=1.25)
    assert usd == pytest.approx(BUDGET, rel=0.03)
    assert seconds == pytest.approx(3 * BUDGET, rel=0.03)


def test_what_is_not_stated_keeps_its_price() -> None:
    paced = PacedPrices((0.5, 0.25), seconds=Pacer(BUDGET, price))
    for _ in range(5):
        paced.add(100.0, 5 * BUDGET)
    tok, lat = paced.next
    assert tok == 0.5
    assert lat > price(BUDGET)


def test_a_pacer_asks_for_few_prices() -> None:
    asked: list[float] = []
    pacer = Pacer(BUDGET, lambda budget: asked.append(budget) or price(budget))
    for spent in np.random.default_rng(0).exponential(BUDGET, 500):
        assert pacer.next_price > 0
        pacer.add(float(spent))
    assert len(asked) <= 22  # from .5 to 1.5 in steps of .05


def test_a_budget_of_nothing_is_no_division() -> None:
    pacer = Pacer(0.0, lambda _: 7.0)
    pacer.add(1.0)
    assert pacer.share == 1.0
    assert pacer.next_price == 7.0


def test_bad_numbers_are_named() -> None:
    with pytest.raises(ConfigError, match=r"Pacer\.budget"):
        Pacer(-1.0, price)
    with pytest.raises(ConfigError, match=r"Pacer\.window"):
        Pacer(1.0, price, window=0)
