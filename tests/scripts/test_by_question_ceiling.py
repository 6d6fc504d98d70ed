"""What plans by question could gain: the best by group within budgets, by hand and in a world."""

from __future__ import annotations

import numpy as np
import pytest
from by_question_ceiling import ALL, FORM, TOPIC, gains, reached

from abgnn.graph.base_mas import BaseMAS
from abgnn.planning.design import Design
from datamodules import Arithmetic

ACCURACY = np.array([[0.9, 0.5], [0.9, 0.5], [0.4, 0.8], [0.4, 0.8]])
SAME = np.full((4, 2), 2.0)


def test_one_design_for_all_gets_the_best_mean_and_groups_get_their_best_each() -> None:
    assert reached(ACCURACY, SAME, [0, 0, 0, 0], [2.0]) == pytest.approx([0.65])
    assert reached(ACCURACY, SAME, "aabb", [2.0]) == pytest.approx([0.85])
    assert reached(ACCURACY, SAME, "abab", [2.0]) == pytest.approx([0.65])  # tells nothing


def test_budgets_bind_and_a_coin_decides_between_prices() -> None:
    usd = np.tile([1e-3, 3e-3], (4, 1))
    accuracy = np.tile([0.6, 0.8], (4, 1))
    made = reached(accuracy, usd, [0] * 4, [0.5e-3, 1e-3, 2e-3, 9e-3])
    assert made == pytest.approx([0.0, 0.6, 0.7, 0.8])


def test_who_knows_more_gains_more_in_a_world() -> None:
    mas = BaseMAS("math", encoder="offline")
    data = Arithmetic(n_train=4, n_val=4, seed=0)
    data.setup("test")
    queries = data.queries("test")[:40]
    lead = mas.template.lead
    designs = [Design(((lead, m),), (), None) for m in range(len(mas.catalogue))]
    made = gains(7, mas, queries, designs, [1e-3, 3e-3])
    assert (made[TOPIC] > 0).all()
    assert (made[TOPIC] <= made[FORM] + 1e-9).all()
    assert (made[FORM] <= made[ALL] + 1e-9).all()
