"""What recorded tables leave to be gained: bounds that closed_loop's gains are read against."""

from __future__ import annotations

import numpy as np
import pytest
from closed_loop_ceiling import ceilings
from closed_loop_methods import Recorded
from routing_beliefs import RealTable

from abgnn.planning.closed_loop.answer_table import AnswerTable


def recorded(n: int = 80) -> Recorded:
    """Two cheap LLMs that err apart, each in its own way, and a dear one that is never wrong."""
    rng = np.random.default_rng(0)
    right = np.concatenate([rng.random((n, 2)) < 0.7, np.ones((n, 1), dtype=bool)], 1)
    keys = np.where(right, 0, np.array([1, 2, 3]))
    usd = np.tile([1e-4, 1e-4, 1e-2], (n, 1))
    texts, names = tuple(f"question {i}" for i in range(n)), ("a", "b", "dear")
    real = RealTable.of(texts, ["one"] * n, names, right * 1.0, usd)
    table = AnswerTable(
        names, keys, right * 1.0, usd, usd, np.full(n, 4), ("one",) * n, texts
    )  # fmt: skip
    return Recorded(real, table)


def test_who_agrees_is_right_and_who_differs_asks_the_dear_one() -> None:
    """Then every answer is right, at the dear one's price for the share that differs."""
    known = recorded()
    judged, [budgets] = ceilings(known)
    [(right, usd)] = judged["two, a third where they differ, in hindsight"].made
    differ = (known.table.keys[:, 0] != known.table.keys[:, 1]).mean()
    needed = 2e-4 + differ * 1e-2
    assert (usd.mean(1) <= budgets + 1e-9).all()
    assert right.mean(1)[budgets >= needed] == pytest.approx(1.0)
    assert (right.mean(1)[budgets < needed] < 1).all()


def test_no_bound_spends_more_than_its_budgets_allow_nor_answers_worse_than_one_llm() -> None:
    known = recorded()
    judged, [budgets] = ceilings(known)
    [(right, usd)] = judged["closed loop, of all other questions"].made
    assert (usd.mean(1) <= budgets + 1e-9).all()
    assert right.mean(1)[-1] == pytest.approx(1.0)  # within the dear one's price
