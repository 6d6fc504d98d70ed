"""Calls on hard questions cost more: found in a calibration, reckoned with before any answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from abgnn.data.arrays import Array
from abgnn.planning import Budget
from abgnn.planning.closed_loop.answer_model import AnswerModel
from abgnn.planning.closed_loop.answer_table import AnswerTable
from abgnn.planning.closed_loop.batch import LoopBatch
from abgnn.planning.closed_loop.expected import Expected
from abgnn.planning.closed_loop.fit_answers import AnswerFit
from abgnn.planning.closed_loop.hardness import ease_by_state, expected_ease, fit_hardness
from abgnn.planning.closed_loop.loop_file import loop_from_dict
from abgnn.planning.closed_loop.loop_plan import LoopPlan
from abgnn.planning.closed_loop.posterior import Posterior
from abgnn.planning.closed_loop.problem import Asked, LoopProblem
from abgnn.planning.closed_loop.readers import Readers
from abgnn.planning.closed_loop.replay import Replay
from tests.planning.closed_loop.calibrations import calibration
from tests.planning.closed_loop.problems import problem

MODEL = AnswerModel(1.2, 0.05, 0.5, 4)
SLOPES = np.array([[0.1, 0.25, 0.4], [0.2, 0.2, 0.2]])


def drawn(made: LoopProblem, n: int, seed: int = 0, noise: float = 0.0) -> AnswerTable:
    """n questions, answered and billed as the model says."""
    rng, model = np.random.default_rng(seed), made.model
    k, m = rng.choice(8, n, p=model.weights), len(made)
    ability = model.nodes(made.accuracy)[:, k].T  # [n, M]
    right = rng.random((n, m)) < ability
    attractor, alpha = rng.integers(1, 4, n), model.attractions(made.accuracy)
    other = rng.integers(1, 4, (n, m))
    wrong = np.where(rng.random((n, m)) < alpha, attractor[:, None], other)
    slopes = np.zeros((2, m)) if made.hardness is None else made.hardness
    factor = np.exp(-slopes[:, None] * model.ease[k][:, None])  # [2, n, M]
    factor *= np.exp(noise * rng.standard_normal((2, n, m)))
    mean = np.stack([made.usd, made.seconds])[:, None]
    bills = mean * factor / factor.mean(1, keepdims=True)
    return AnswerTable(
        made.names, np.where(right, 0, wrong), right * 1.0, bills[0], bills[1], np.full(n, 4),
        ("",) * n, tuple(map(str, range(n))),
    )  # fmt: skip


def cheap_first() -> LoopProblem:
    """Two that are asked first, and a dear one that decides."""
    accuracy, usd = np.array([0.65, 0.68, 0.85]), np.array([0.5, 0.7, 8.0]) * 1e-4
    changes = {"accuracy": accuracy, "usd": usd, "seconds": 1e4 * usd, "hardness": SLOPES}
    return problem(3, MODEL, **changes)


def mean_of(made: LoopProblem, table: AnswerTable, price: float, lat: float) -> Array:
    run = Replay([made] * len(table), table)(price, lat)
    return np.array([run.right.mean(), run.usd.mean(), run.seconds.mean()])


@pytest.mark.parametrize(("price", "lat"), [(150.0, 0.0), (30.0, 0.002), (30.0, 0.01)])
def test_what_is_expected_is_what_questions_of_the_model_cost(price: float, lat: float) -> None:
    """Beginning with one LLM, or (with a price of seconds) with two at once."""
    made = cheap_first()
    real = mean_of(made, drawn(made, 12_000), price, lat)
    run = Expected([made])(price, lat)
    expected = np.array([run.right[0], run.usd[0], run.seconds[0]])
    assert expected == pytest.approx(real, rel=0.02)


@pytest.mark.parametrize(("price", "lat"), [(150.0, 0.0), (30.0, 0.002), (30.0, 0.01)])
def test_questions_differ_in_cost_as_is_expected(price: float, lat: float) -> None:
    """By which answers came; bills of calls are without noise here."""
    made = replace(cheap_first(), hardness=np.zeros((2, 3)))
    run = Replay([made] * 12_000, drawn(made, 12_000))(price, lat)
    sd = Expected([made]).deviations(price, lat)[:, 0]
    for expected, spent in zip(sd, (run.usd, run.seconds), strict=True):
        assert expected == pytest.approx(spent.std(), rel=0.03, abs=1e-3 * spent.mean())


def test_without_it_a_loop_that_goes_on_costs_more_than_was_expected() -> None:
    made = cheap_first()
    real = mean_of(made, drawn(made, 12_000), 150.0, 0.0)[1]
    blind = Expected([replace(made, hardness=None)])(150.0).usd[0]
    assert blind < 0.96 * real


def sequence(made: LoopProblem, answers: Sequence[Asked]) -> Posterior:
    posterior = Posterior.start(made.model)
    ability = made.model.nodes(made.accuracy)
    for asked in answers:
        alpha = float(made.attractions[asked.llm])
        posterior = posterior.after(ability[asked.llm], asked.key, attraction=alpha)
    return posterior


@pytest.mark.parametrize("keys", ["A", "AA", "AB", "AAA", "AAB", "ABC"])
def test_the_ease_of_states_is_that_of_the_posterior(keys: str) -> None:
    made = problem(3, MODEL)
    answers = [Asked(m, key) for m, key in enumerate(keys)]
    weights = sequence(made, answers).weights.sum(0)
    x, p = made.model.ease, weights / weights.sum()
    ease = ease_by_state([made], LoopBatch((made,)).weights)
    mean, variance = (of[0, made.place(answers)] for of in ease[len(keys)])
    assert mean == pytest.approx(p @ x, abs=1e-5)  # no key at all: 1e-6
    assert variance == pytest.approx(p @ x**2 - (p @ x) ** 2, abs=1e-5)


def test_answers_that_agree_speak_for_an_easy_question() -> None:
    made = problem(3, MODEL)
    [_, _, (two, _), _] = ease_by_state([made], LoopBatch((made,)).weights)
    same, differ = (made.place([Asked(0, "A"), Asked(1, key)]) for key in "AB")
    assert two[0, same] > 0 > two[0, differ]


def fitted(table: AnswerTable, made: LoopProblem) -> Array:
    answers = AnswerFit(made.model, (0.0,) * len(made))
    accuracy = np.tile(made.accuracy, (len(table), 1))
    means = np.stack([made.usd, made.seconds])
    usd, seconds = (np.tile(mean, (len(table), 1)) for mean in means)
    return fit_hardness(table, accuracy, answers, (usd, seconds))


def test_slopes_are_found_in_a_calibration_with_gaps() -> None:
    made = problem(3, MODEL, hardness=SLOPES)
    table = drawn(made, 2000, 1, noise=0.3)
    right = np.where(np.random.default_rng(2).random(table.right.shape) < 0.2, np.nan, table.right)
    found = fitted(replace(table, right=right), made)
    assert found == pytest.approx(SLOPES, abs=0.07)


def test_bills_that_are_all_alike_or_nothing_have_no_slope() -> None:
    made = problem(3, MODEL)
    assert fitted(drawn(made, 300), made) == pytest.approx(0, abs=1e-6)
    free = replace(made, usd=np.zeros(3))
    usd, seconds = fitted(drawn(free, 300, noise=0.2), free)
    assert (usd == 0).all()
    assert abs(seconds).max() < 0.1


def test_few_calls_hardly_move_the_slopes() -> None:
    made = problem(3, MODEL)
    few = fitted(drawn(made, 6, noise=0.5), made)
    assert abs(few).max() < 0.45
    answers = AnswerFit(made.model, (0.0,) * 3)
    table = drawn(made, 3)
    nobody = replace(table, right=np.where(np.eye(3) > 0, table.right, np.nan))
    assert np.isfinite(expected_ease(nobody, np.full((3, 3), 0.6), answers)).all()


def test_a_question_that_all_are_sure_of_has_an_ease() -> None:
    """Where P(right) is rounded to 1, and to 0."""
    model = AnswerModel(3.0, 0.0, 0.5, 4)
    table = drawn(problem(3, model), 4)
    some = replace(table, right=np.array([[1.0, 1, 1], [0, 0, 0], [1, 0, 1], [0, 1, 0]]))
    for accuracy in (0.998, 0.5, 0.002):
        ease = expected_ease(some, np.full((4, 3), accuracy), AnswerFit(model, (0.0,) * 3))
        assert np.isfinite(ease).all()


def test_readers_of_answers_that_differ_cost_more() -> None:
    some = np.ones((1, 5))
    read = Readers(("judge",), np.array([0.9]), 3 * some, 0 * some, 1e-4 * some, some)
    more = replace(read, hardness=np.full((2, 1), 0.5))
    flat, steep = (
        LoopBatch((problem(2, MODEL, readers=of, hardness=np.zeros((2, 2))),))
        for of in (replace(read, hardness=np.zeros((2, 1))), more)
    )
    differ = flat.problems[0].place([Asked(0, "A"), Asked(1, "B")])
    assert steep.read_bills[2][0, 0, differ, 0] > 1.2 * flat.read_bills[2][0, 0, differ, 0]
    assert steep.read_bills[2][2] == pytest.approx(flat.read_bills[2][2])  # calls are calls


def test_a_file_keeps_it_and_an_older_one_goes_without() -> None:
    plan = LoopPlan.of(calibration(), Budget())
    data = plan.to_dict()["loop"]
    assert plan.loop.hardness is not None
    kept = loop_from_dict(data, plan.loop.prior).hardness
    assert kept == pytest.approx(plan.loop.hardness)
    older = loop_from_dict({k: v for k, v in data.items() if k != "hardness"}, plan.loop.prior)
    assert older.hardness is None
    asked = older.problems(calibration().questions)  # type: ignore[arg-type]
    assert asked[0].hardness is None
