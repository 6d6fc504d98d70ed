"""Routing at matched cost: exact small cases and properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matched_cost import (
    bootstrap_gain,
    choose,
    few_per_group,
    folds,
    inner_budgets,
    judge,
    mix_to_budget,
    mixture_score,
    price_of_cost,
    shrunk_means,
)

from abgnn.errors import ConfigError

SCORE = np.array([[0.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 1.0, 1.0], [0.0, 0.0, 0.0]])
COST = np.array([[1.0, 5.0, 3.0]] * 4)  # means: .25 for 1, .75 for 5, .25 for 3


def test_budgets_are_equally_spaced_inside() -> None:
    np.testing.assert_allclose(inner_budgets(COST, 3), [2, 3, 4])


@pytest.mark.parametrize(
    ("budget", "wanted"), [(0.5, 0.25), (1, 0.25), (3, 0.5), (4, 0.625), (5, 0.75), (9, 0.75)]
)
def test_mixtures_lie_on_the_envelope(budget: float, wanted: float) -> None:
    assert mixture_score(SCORE, COST, budget) == pytest.approx(wanted)


def test_a_dear_llm_that_is_worse_is_no_obligation() -> None:
    score = np.array([[1.0, 0.0]])
    assert mixture_score(score, np.array([[1.0, 2.0]]), 2.0) == 1.0


def test_gain_is_at_the_cost_that_was_spent() -> None:
    routing = np.eye(3)[[1, 0, 2, 0]]  # costs 5, 1, 3, 1; all right but the last
    found = judge(routing, SCORE, COST, budget=4.0)
    assert (found.cost, found.score, found.spent) == (2.5, 0.75, 0.625)
    assert found.gain == pytest.approx(0.75 - (0.25 + 0.5 * 1.5 / 4))


@given(seed=st.integers(0, 200), share=st.floats(0.02, 1.1))
def test_the_price_keeps_the_budget_and_is_the_least(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    score, cost = rng.random((30, 4)), rng.random((30, 4)) * [1, 2, 4, 8] * 1e-5
    budget = float(cost.min(1).mean() + share * (cost.max(1) - cost.min(1)).mean())
    price = price_of_cost(score, cost, budget)

    def spent(x: float) -> float:
        return float((choose(score, cost, x) * cost).sum(1).mean())

    assert spent(price) <= budget * (1 + 1e-8)
    assert price == 0 or spent(price * (1 - 1e-6)) > budget


def test_a_budget_below_everything_buys_the_cheapest() -> None:
    price = price_of_cost(SCORE, COST, 0.1)
    assert (choose(SCORE, COST, price) == np.eye(3)[[0] * 4]).all()


def test_two_prices_are_mixed_to_spend_the_budget() -> None:
    score, cost = np.tile([0.2, 0.8], (6, 1)), np.tile([1.0, 5.0], (6, 1))
    routing = mix_to_budget(score, cost, score[:2], cost[:2], 2.0)
    np.testing.assert_allclose(routing, [[0.75, 0.25]] * 2)
    assert mix_to_budget(score, cost, score, cost, 7.0)[0].tolist() == [0.0, 1.0]
    assert mix_to_budget(score, cost, score, cost, 0.5)[0].tolist() == [1.0, 0.0]


def test_task_means_are_shrunk_and_unknown_tasks_have_the_overall_one() -> None:
    values = np.array([[1.0], [1.0], [0.0], [0.0]])
    found = shrunk_means(values, ["a", "a", "b", "b"], ["b", "a", "c"], weight=2)
    np.testing.assert_allclose(found, [[0.25], [0.75], [0.5]])


def test_a_mixture_of_singles_gains_nothing_in_any_draw() -> None:
    rng = np.random.default_rng(0)
    score, cost = rng.integers(0, 2, (50, 2)).astype(float), np.tile([1.0, 4.0], (50, 1))
    score[:, 1] = np.maximum(score[:, 0], score[:, 1])
    half = np.full((50, 2), 0.5)
    np.testing.assert_allclose(bootstrap_gain([half], score, cost, 100), 0, atol=1e-12)


def test_draws_are_paired_and_centred() -> None:
    rng = np.random.default_rng(0)
    score, cost = rng.random((400, 3)), np.tile([1.0, 2.0, 4.0], (400, 1))
    best = [np.eye(3)[score.argmax(1)]]
    draws = bootstrap_gain(best, score, cost, 200)
    np.testing.assert_array_equal(draws, bootstrap_gain(best, score, cost, 200))
    gain = judge(best[0], score, cost, 2.0).gain
    assert abs(draws.mean() - gain) < 0.01
    assert 0.002 < draws.std() < 0.05


def test_folds_and_draws_partition() -> None:
    found = folds(23, 5, seed=3)
    assert sorted(np.bincount(found)) == [4, 4, 5, 5, 5]
    assert (folds(23, 5, seed=4) != found).any()
    with pytest.raises(ConfigError, match="folds"):
        folds(3, 5)


def test_few_per_group_leaves_half_for_the_test() -> None:
    groups = ["a"] * 30 + ["b"] * 6
    drawn = few_per_group(groups, 10, seed=0)
    assert len(set(drawn)) == len(drawn) == 13
    assert sum(groups[i] == "b" for i in drawn) == 3
    assert sorted(drawn) != sorted(few_per_group(groups, 10, seed=1))


def test_matrices_are_checked() -> None:
    with pytest.raises(ConfigError, match="cost"):
        inner_budgets(np.array([[np.nan, 1.0]]))
    with pytest.raises(ConfigError, match="score"):
        price_of_cost(SCORE[:2], COST, 1.0)
