"""The two-stage prior: against dense Gaussian-process formulas, and what it learns."""

from __future__ import annotations

import numpy as np
import pytest

from abgnn.data.arrays import Array
from abgnn.data.query import Query
from abgnn.errors import ConfigError
from abgnn.planning.bill_model import BillModel
from abgnn.planning.lone_outcomes import LoneOutcomes
from abgnn.planning.question_kernel import Kernel, KernelFeatures, LinearForm, ReadQuestions
from abgnn.planning.questions import Questions
from abgnn.planning.two_stage import TwoStageBeliefs
from abgnn.planning.two_stage_fit import (
    LUCK,
    QUESTION,
    Grams,
    ability_kernel,
    best_ability,
    best_difficulty,
    difference_error,
    difficulty_kernel,
)
from abgnn.planning.two_stage_joint import ABILITY_VARIANCE, conditioned_jointly

M = 3


def questions(n: int, seed: int = 0, kinds: int = 2) -> Questions:
    rng = np.random.default_rng(seed)
    embedding = rng.normal(size=(n, 6))
    embedding /= np.linalg.norm(embedding, axis=1, keepdims=True)
    asked = [
        Query(
            f"q{i}", f"question {i} " + "x" * (5 * (i % 7)), "general", meta={"s": f"k{i % kinds}"}
        )
        for i in range(n)
    ]
    return Questions.of(asked, embedding, by="s")


def table(n: int, seed: int = 0, missing: float = 0.0) -> LoneOutcomes:
    rng = np.random.default_rng(seed)
    score = (rng.random((n, M)) < [0.4, 0.6, 0.8]).astype(float)
    score[rng.random((n, M)) < missing] = np.nan
    bill = np.where(np.isnan(score), np.nan, 1e-4 * np.arange(1, M + 1))
    return LoneOutcomes(score, bill, 10 * bill)


def fit(asked: Questions, outcomes: LoneOutcomes, **kwargs: Array) -> TwoStageBeliefs:
    return TwoStageBeliefs.fit(asked, outcomes, ("lead", "other"), ("a", "b", "c"), **kwargs)


def dense(kernel: Kernel, a: ReadQuestions, b: ReadQuestions) -> Array:
    """The covariance, entry by entry."""
    out = np.zeros((len(a.kind), len(b.kind)))
    for i, j in np.ndindex(*out.shape):
        same = float(a.kind[i] == b.kind[j] >= 0)
        out[i, j] = kernel.kind * same + kernel.flat
        out[i, j] += kernel.text * (a.phi[i] @ b.phi[j]) * (1 + same) / 2
    return out


def test_predictions_on_a_complete_table_are_those_of_two_dense_processes() -> None:
    asked, outcomes = questions(30), table(30)
    features = KernelFeatures.fit(asked)
    read, at = features(asked), features(questions(5, seed=9, kinds=3))
    assert at.kind.tolist() == [0, 1, -1, 0, 1]
    level = (outcomes.score.sum(0) + 2 * outcomes.score.mean()) / 32
    rest = (outcomes.score - level).mean(1, keepdims=True)
    d = best_difficulty(Grams.of(read), rest, np.full(30, M))
    noise = (QUESTION + LUCK / M) * np.eye(30)
    shared = dense(d.kernel, at, read) @ np.linalg.solve(dense(d.kernel, read, read) + noise, rest)
    z = (d.left_out - d.left_out.mean()) / d.left_out.std()
    own = outcomes.score - level - rest
    f = best_ability(Grams.of(read), own, z)
    matrix = dense(f.kernel, read, read) + f.slope * z @ z.T + LUCK * np.eye(30)
    cross = dense(f.kernel, at, read) + f.slope * (
        (shared - d.left_out.mean()) / d.left_out.std() @ z.T
    )
    expected = level + shared + cross @ np.linalg.solve(matrix, own)
    beliefs = fit(asked, outcomes)(questions(5, seed=9, kinds=3))
    np.testing.assert_allclose(beliefs.accuracy[:, 0], expected.clip(0.03, 0.98), atol=1e-9)
    assert np.array_equal(beliefs.accuracy[:, 0], beliefs.accuracy[:, 1])  # every role as the lead


def test_left_out_predictions_are_those_of_a_process_without_the_question() -> None:
    read = KernelFeatures.fit(questions(20))(questions(20))
    values = np.random.default_rng(1).normal(size=(20, 1))
    fitted = best_difficulty(Grams.of(read), values, np.full(20, M))
    others = np.arange(1, 20)
    matrix = dense(fitted.kernel, read, read)
    kept = matrix[np.ix_(others, others)] + (QUESTION + LUCK / M) * np.eye(19)
    expected = matrix[0, others] @ np.linalg.solve(kept, values[others])
    np.testing.assert_allclose(fitted.left_out[0], expected, atol=1e-10)


def test_left_out_predictions_of_beliefs_are_nearly_those_of_a_refit() -> None:
    asked, outcomes = questions(60), table(60)
    whole = fit(asked, outcomes)
    others = np.arange(1, 60)
    again = fit(asked.rows(others), outcomes.rows(others))(asked.rows(np.array([0])))
    np.testing.assert_allclose(whole.left_out[0], again.accuracy[0, 0], atol=0.02)


def joint_by_hand(
    read: ReadQuestions, score: Array, prior: Array, difficulty: Kernel, ability: Kernel
) -> Array:
    """Predictions of the first question from all the others, by one dense process."""
    cells = [(q, m) for q, m in np.argwhere(~np.isnan(score)) if q > 0]
    shared, own = dense(difficulty, read, read), dense(ability, read, read) + ABILITY_VARIANCE
    matrix = np.zeros((len(cells), len(cells)))
    for i, (q, m) in enumerate(cells):
        for j, (r, k) in enumerate(cells):
            matrix[i, j] = shared[q, r] + QUESTION * (q == r) + (m == k) * own[q, r]
            matrix[i, j] += LUCK * (i == j)
    rest = np.array([score[q, m] - prior[m] for q, m in cells])
    dual = np.linalg.solve(matrix, rest)
    cross = [[shared[0, q] + (m == k) * own[0, q] for q, k in cells] for m in range(M)]
    predicted: Array = prior + np.array(cross) @ dual
    return predicted


def test_an_incomplete_table_is_one_process_over_its_answers() -> None:
    asked, score = questions(12), table(12, missing=0.4).score
    read = KernelFeatures.fit(asked)(asked)
    prior = np.array([0.5, 0.6, 0.7])
    kernels = difficulty_kernel(1.0), ability_kernel(0.004, 0.5)
    joint = conditioned_jointly(Grams.of(read), score, prior, *kernels)
    expected = joint_by_hand(read, score, prior, *kernels)
    np.testing.assert_allclose(joint.left_out[0], expected, atol=1e-10)


def test_one_answer_less_changes_little() -> None:
    asked, outcomes = questions(80), table(80)
    score = outcomes.score.copy()
    score[3, 1] = np.nan
    less = LoneOutcomes(score, outcomes.usd, outcomes.seconds)
    at = questions(20, seed=5)
    whole, almost = fit(asked, outcomes)(at), fit(asked, less)(at)
    np.testing.assert_allclose(almost.accuracy, whole.accuracy, atol=0.03)


def test_a_question_s_effect_is_told_from_an_llm_s() -> None:
    """The abler LLM was given the hard questions: means of scores would invert the order."""
    rng = np.random.default_rng(0)
    hard = np.arange(300) % 2 == 1  # a kind of its own
    chance = np.stack([0.9 - 0.6 * hard, 0.7 - 0.6 * hard, 0.6 - 0.6 * hard], 1)
    score = (rng.random((300, M)) < chance).astype(float)
    score[:, 0][rng.random(300) < np.where(hard, 0.1, 0.85)] = np.nan
    score[:, 1][rng.random(300) < np.where(hard, 0.85, 0.1)] = np.nan
    assert np.nanmean(score[:, 0]) < np.nanmean(score[:, 1])
    asked = questions(300)
    at = asked.rows(np.arange(20))
    accuracy = fit(asked, LoneOutcomes(score, score, score))(at).accuracy[:, 0]
    assert (accuracy[:, 0] > accuracy[:, 1] + 0.1).all()


def test_texts_that_say_who_is_right_are_read() -> None:
    asked = questions(240)
    first = asked.embedding[:, 0] > 0
    score = np.stack([first, ~first, np.full(240, False)], 1).astype(float)
    noisy = np.abs(score - (np.random.default_rng(2).random(score.shape) < 0.1))
    beliefs = fit(asked, LoneOutcomes(noisy, noisy, noisy))
    at = questions(200, seed=8)
    best = beliefs(at).accuracy[:, 0].argmax(1)
    assert (best == np.where(at.embedding[:, 0] > 0, 0, 1)).mean() > 0.85
    blind = np.broadcast_to(noisy.mean(0), noisy.shape)
    assert difference_error(noisy, beliefs.left_out) < 0.85 * difference_error(noisy, blind)


def test_texts_that_say_nothing_leave_means_and_spread_shrinks_with_answers() -> None:
    few, many = fit(questions(20), table(20)), fit(questions(400), table(400))
    at = questions(30, seed=7)
    accuracy = many(at).accuracy[:, 0]
    assert np.abs(accuracy.mean(0) - [0.4, 0.6, 0.8]).max() < 0.06
    assert (accuracy.argmax(1) == 2).mean() > 0.9
    assert many(at).logit_sd.mean() < 0.8 * few(at).logit_sd.mean()


def test_an_llm_that_was_never_called_has_what_is_published() -> None:
    asked, outcomes = questions(40), table(40)
    score = outcomes.score.copy()
    score[:, 2] = np.nan
    bill = np.where(np.isnan(score), np.nan, 1e-4)
    at = asked.rows(np.arange(5))
    facts = np.array([0.5, 0.5, 0.95])
    usd = np.array([1.0, 2.0, 3.0])
    belief = fit(asked, LoneOutcomes(score, bill, bill), published=facts, usd=usd)(at)
    assert (belief.accuracy[:, 0, 2] > belief.accuracy[:, 0, :2].max(1) + 0.1).all()
    assert belief.usd[:, 0, 2].tolist() == [3.0] * 5
    assert belief.usd[0, 0, 0] == pytest.approx(1e-4)
    assert belief.logit_sd[:, 0, 2].min() > belief.logit_sd[:, 0, 1].max()


def test_a_form_is_the_kernel_s_sum_over_training_questions() -> None:
    read = KernelFeatures.fit(questions(15))(questions(15))
    at = KernelFeatures.fit(questions(15))(questions(6, seed=3, kinds=3))
    kernel, dual = Kernel(0.3, 0.7, 0.1), np.random.default_rng(0).normal(size=(15, 2))
    form = LinearForm.of(kernel, read, dual, 2)
    np.testing.assert_allclose(form(at), dense(kernel, at, read) @ dual, atol=1e-12)


def test_errors_of_differences_do_not_see_what_is_common() -> None:
    score = np.array([[1.0, 0.0, np.nan], [0.0, np.nan, np.nan]])
    assert difference_error(score, score + 0.3) == pytest.approx(0.0)
    assert difference_error(score, np.zeros((2, 3))) == pytest.approx(0.5)
    alone = np.array([[1.0, np.nan], [np.nan, 0.0]])  # no question was answered twice
    assert difference_error(alone, np.full((2, 2), 0.5)) == pytest.approx(0.25)


def test_faulty_outcomes_are_named() -> None:
    with pytest.raises(ConfigError, match=r"LoneOutcomes\.score"):
        LoneOutcomes(np.full((2, 2), 2.0), np.ones((2, 2)), np.ones((2, 2)))
    with pytest.raises(ConfigError, match="no answer"):
        LoneOutcomes(np.full((2, 2), np.nan), np.ones((2, 2)), np.ones((2, 2)))
    with pytest.raises(ConfigError, match=r"outcomes\.score"):
        fit(questions(5), table(6))


# bills


def test_bills_grow_with_length_at_the_slope_within_kinds() -> None:
    kind = np.array([0, 0, 0, 1, 1, 1])
    length = np.array([1.0, 2.0, 3.0, 10.0, 20.0, 30.0])
    base = np.array([[5.0, 50.0], [2.0, 20.0]])
    bill = base[kind] + length[:, None] * np.array([0.5, 5.0])
    np.testing.assert_allclose(BillModel.fit(length, kind, bill, 2, shrink=0.0)(length, kind), bill)
    shrunk = BillModel.fit(length, kind, bill, 2)
    np.testing.assert_allclose(shrunk.base[2], [3.5, 35.0])
    assert (shrunk(np.zeros(1), np.array([1])) >= bill.min(0)).all()


def test_bills_read_the_calls_that_were_made() -> None:
    length, kind = np.array([1.0, 2.0, 3.0, 4.0]), np.zeros(4, dtype=int)
    bill = (1 + length[:, None]) * np.array([1.0, 10.0])
    bill[1, 0] = np.nan
    model = BillModel.fit(length, kind, bill, 1)
    np.testing.assert_allclose(model(length, kind), (1 + length[:, None]) * [1.0, 10.0])
