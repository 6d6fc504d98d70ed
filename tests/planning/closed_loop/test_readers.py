"""Readers: what handing all answers to an agent is worth, by enumeration."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy.special import expit, logit

from abgnn.planning.closed_loop.answer_model import AnswerModel
from abgnn.planning.closed_loop.batch import LoopBatch
from abgnn.planning.closed_loop.expected import Expected
from abgnn.planning.closed_loop.lookahead import decide
from abgnn.planning.closed_loop.problem import LoopProblem
from abgnn.planning.closed_loop.readers import Readers
from abgnn.planning.closed_loop.tree_values import tree_weights
from abgnn.planning.team_forecasts import OPTIMISM


def readers(good: float = 1.5, bad: float = -1.0, usd: float = 1e-4) -> Readers:
    n = np.arange(5)
    return Readers(
        ("judge",),
        np.array([0.8]),
        (good * np.log2(1 + n))[None],
        (bad * np.log2(1 + n))[None],
        np.full((1, 5), usd),
        np.ones((1, 5)),
    )


def problem(made: Readers | None, lambda_tok: float = 100.0) -> LoopProblem:
    return LoopProblem(
        ("a", "b", "c"),
        np.array([0.6, 0.65, 0.7]),
        np.array([1e-4, 2e-4, 3e-4]),
        np.ones(3),
        AnswerModel(options=4, dead=0.0),
        lambda_tok,
        readers=made,
        parallel=False,
    )


def test_reading_without_effect_is_answering_alone() -> None:
    weights = tree_weights([problem(readers(0.0, 0.0))])
    each_set = {}
    for n, level in enumerate(weights.tree.levels[1:], 1):
        for s, asked in enumerate(map(tuple, level.llms)):
            each_set[n, asked] = each_set.get((n, asked), 0.0) + weights.hand[n][0, s, 0]
    assert np.allclose(list(each_set.values()), 0.8 - OPTIMISM, atol=2e-3)


def test_what_readers_are_right_about_matches_enumeration() -> None:
    """Σ over who of a and b is right, and over nodes, whatever the keys are."""
    made = problem(readers())
    weights = tree_weights([made])
    level = weights.tree.levels[2]
    rows = [s for s, asked in enumerate(level.llms) if tuple(asked) == (1, 1, 0)]
    total = sum(weights.hand[2][0, s, 0] for s in rows)
    ability, judge = made.model.nodes(made.accuracy), made.model.nodes(np.array([0.8]))[0]
    expected = 0.0
    for right in product((0, 1), repeat=2):
        chance = made.model.weights.copy()
        for m, ok in enumerate(right):
            chance = chance * (ability[m] if ok else 1 - ability[m])
        share, growth = sum(right) / 2, np.log2(3)
        shift = growth * (1.5 * share - 1.0 * (1 - share))
        expected += float(chance @ (expit(logit(judge) + shift) - OPTIMISM))
    assert total == pytest.approx(expected, abs=2e-3)


def test_a_good_reader_is_handed_the_answers_and_a_dear_one_is_not() -> None:
    asked = [(0, "x", None), (1, "y", None)]
    step = decide(problem(readers(3.0, 0.0)), asked)
    assert step.reader == 0
    assert step.ask == ()
    assert decide(problem(readers(3.0, 0.0, usd=1.0)), asked).reader is None
    assert decide(problem(readers(3.0, 0.0)), asked, (), [0]).reader is None


def test_readers_never_lower_the_value() -> None:
    without, with_ = (LoopBatch((problem(made),)) for made in (None, readers()))
    for price in (0.0, 50.0, 500.0):
        assert with_.policy(price).value[0] >= without.policy(price).value[0] - 1e-12


def test_expected_bills_count_readers() -> None:
    made = problem(readers(4.0, 2.0, usd=1e-6), 1.0)
    run = Expected([made])(1.0)
    value = LoopBatch((made,)).policy(1.0).value[0]
    assert run.right[0] - 1.0 * run.usd[0] == pytest.approx(value, abs=1e-6)
    assert run.calls[0] > 1


def test_shapes_are_checked() -> None:
    from abgnn.errors import ConfigError

    with pytest.raises(ConfigError, match="Readers"):
        replace(readers(), bad=np.zeros((1, 3)))
