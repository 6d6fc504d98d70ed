"""Posterior and values against the generative model, on all answers of 3 LLMs and 4 keys."""

from __future__ import annotations

import numpy as np
import pytest

from abgnn.planning.closed_loop.answer_model import AnswerModel
from abgnn.planning.closed_loop.lookahead import decide, posterior_of
from abgnn.planning.closed_loop.problem import Asked, LoopProblem
from tests.planning.closed_loop.enumeration import (
    Answers,
    ask_values,
    joint,
    sequences,
    stop_value,
)
from tests.planning.closed_loop.problems import problem

PROBLEMS = {
    "plain": problem(),
    "strong attractor": problem(model=AnswerModel(1.4, 0.15, 0.9, 4)),
    "no attractor, no spread": problem(model=AnswerModel(0.0, 0.0, 0.0, 4)),
    "families": problem(model=AnswerModel(0.9, 0.05, 0.5, 4, 0.8), families=("f", "g", "f")),
    "able LLMs err alike": problem(model=AnswerModel(0.9, 0.05, 0.5, 4, shared=0.7)),
    "misled": problem(model=AnswerModel(0.9, 0.05, 0.5, 4, misled=0.1)),
    "no keys": problem(no_key=np.array([0.3, 0.1, 0.02])),
}


def asked(answers: Answers) -> list[Asked]:
    return [Asked(m, None if label is None else f"key {label}") for m, label in answers]


@pytest.mark.parametrize("of", PROBLEMS.values(), ids=PROBLEMS)
def test_posterior_is_that_of_the_generative_model(of: LoopProblem) -> None:
    for answers in sequences(of):
        posterior = posterior_of(of, asked(answers))
        p = joint(of, answers)
        seen = list(dict.fromkeys(label for _, label in answers if label is not None))
        assert posterior.keys == tuple(f"key {label}" for label in seen)
        assert posterior.probabilities[1:] == pytest.approx(p[seen] / p.sum(), abs=1e-9)
        assert sum(posterior.probabilities) == pytest.approx(1)


def test_outcomes_are_those_of_the_generative_model() -> None:
    of = PROBLEMS["no keys"]
    ability, alpha = of.model.nodes(of.accuracy), float(of.attractions[2])
    for answers in [((0, 2),), ((0, 2), (1, 2)), ((1, 0), (0, 2)), ((0, None), (1, 1))]:
        same, new, none = posterior_of(of, asked(answers)).outcomes(ability[2], of.no_key[2], alpha)
        total = joint(of, answers).sum()
        chance = {c: joint(of, (*answers, (2, c))).sum() / total for c in (0, 1, 2, 3, None)}
        seen = list(dict.fromkeys(label for _, label in answers if label is not None))
        assert same == pytest.approx([chance[c] for c in seen])
        assert new == pytest.approx(sum(chance[c] for c in range(4) if c not in seen))
        assert none == pytest.approx(chance[None])


@pytest.mark.parametrize(
    "name", ["plain", "strong attractor", "able LLMs err alike", "misled", "families", "no keys"]
)
def test_values_are_those_of_the_definition(name: str) -> None:
    of = PROBLEMS[name]
    some = [s for i, s in enumerate(sequences(of)) if len(s) in (1, 2) and i % 7 == 0]
    for answers in some:
        step = decide(of, asked(answers))
        left = len(of) - len(answers)
        assert step.value_ask == pytest.approx(ask_values(of, answers, left), abs=2e-5)
        assert step.value_stop == pytest.approx(stop_value(of, answers), abs=2e-5)


def test_value_before_any_answer() -> None:
    of = problem(model=AnswerModel(0.9, 0.05, 0.5, 3), depths=(2, 1, 0))
    assert decide(of, []).value_ask == pytest.approx(ask_values(of, (), 2), abs=2e-5)
    full = problem(model=AnswerModel(0.9, 0.05, 0.5, 3))
    assert decide(full, []).value_ask == pytest.approx(ask_values(full, (), 3), abs=2e-5)


def test_order_of_answers_does_not_matter() -> None:
    of = PROBLEMS["families"]
    one = decide(of, [(0, "x", None), (2, "y", None)])
    other = decide(of, [(2, "y", None), (0, "x", None)])
    assert one.value_ask == pytest.approx(other.value_ask)
    assert (one.ask, one.answer) == (other.ask, other.answer)


def test_without_prices_no_answer_is_bought_that_can_change_nothing() -> None:
    for able in np.random.default_rng(0).uniform(0.45, 0.9, 40):
        of = problem(lambda_tok=0.0, accuracy=np.full(3, able), usd=np.array([2, 1, 9]) * 1e-4)
        assert decide(of, []).ask[0] < 2  # not the dear one of equals, first or second
        agreed = decide(of, [Asked(1, "A"), Asked(0, "A")])
        assert agreed.value_ask[2] == pytest.approx(agreed.value_stop, abs=1e-6)
        assert agreed.ask == ()  # one against two
        assert decide(of, [Asked(1, "A")]).ask == (0,)
        assert decide(of, [Asked(1, "A"), Asked(0, "B")]).ask == (2,)
