"""Evidence of one answer alone."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest

from abgnn.errors import ConfigError
from abgnn.planning.closed_loop.forms import (
    Forms,
    FormScale,
    forms_of_programs,
    forms_of_texts,
    program_bin,
)


def texts(n: int, signal: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two LLMs, three features, the first of which tells of being right."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, 2, 3))
    right = (rng.random((n, 2)) < 1 / (1 + np.exp(-signal * features[..., 0]))) * 1.0
    return features, right


def test_bins_order_answers_from_likely_wrong_to_likely_right() -> None:
    forms, bins = forms_of_texts(*texts(400, 2.0))
    odds = forms.right / forms.wrong
    assert (np.diff(odds, axis=1) > 0).all()
    assert np.allclose(forms.right.sum(1), 1)
    assert np.allclose(np.bincount(bins.ravel()) / bins.size, 1 / 8, atol=0.03)


def test_without_a_signal_bins_tell_nothing() -> None:
    forms, _ = forms_of_texts(*texts(400, 0.0))
    assert np.abs(np.log(forms.right / forms.wrong)).max() < 0.35


def test_bins_tell_what_the_logit_knows() -> None:
    """The posterior of new answers, nearly as good as by the probabilities that made them."""
    features, right = texts(160, 2.0)
    forms, _ = forms_of_texts(features, right)
    new, truth = texts(4000, 2.0, seed=1)
    bins = np.array([[scale(f) for scale, f in zip(forms.scales, row, strict=True)] for row in new])
    llm = np.arange(2)
    odds = forms.right[llm, bins] / forms.wrong[llm, bins]
    told = odds / (1 + odds)  # half of the answers are right

    def loss(p: np.ndarray) -> float:
        return float(-np.where(truth > 0, np.log(p), np.log(1 - p)).mean())

    least = loss(1 / (1 + np.exp(-2 * new[..., 0])))
    assert loss(told) < least + 0.03


def test_what_hardly_any_text_shows_does_not_decide() -> None:
    """A feature that tells of one LLM's texts, and that all but few of the other's share."""
    rng = np.random.default_rng(2)

    def drawn(n: int) -> tuple[np.ndarray, np.ndarray]:
        features = rng.normal(size=(n, 2, 2))
        features[:, 1, 1] = rng.random(n) < 0.02
        right = (rng.random((n, 2)) < 1 / (1 + np.exp(-2 * features[..., 0]))) * 1.0
        right[:, 0] = rng.random(n) < 1 / (1 + np.exp(-3 * features[:, 0, 1]))
        return features, right

    forms, _ = forms_of_texts(*drawn(160))
    new, truth = drawn(4000)
    bins = np.array([forms.scales[1](row[1]) for row in new])
    right, wrong = forms.right[1, bins], forms.wrong[1, bins]
    told = np.where(truth[:, 1] > 0, right, wrong) / (right + wrong)
    assert -np.log(told).mean() < 0.53  # 0.69 where nothing is told


def test_where_more_than_two_llms_answer_there_are_fewer_bins() -> None:
    pairs = [texts(60, 1.0, seed) for seed in range(2)]
    forms, bins = forms_of_texts(*(np.concatenate(of, 1) for of in zip(*pairs, strict=True)))
    assert forms.right.shape == (4, 4)
    assert bins.max() == 3


def test_an_answer_does_not_choose_its_own_bin() -> None:
    features, right = texts(40, 0.0)
    _, bins = forms_of_texts(features, right)
    turned = right.copy()
    turned[0] = 1 - turned[0]
    _, other = forms_of_texts(features, turned)
    assert (bins[0] == other[0]).all()


def test_missing_answers_have_no_bin() -> None:
    features, right = texts(60, 1.0)
    right[:20, 1] = np.nan
    features[:20, 1] = np.nan
    forms, bins = forms_of_texts(features, right)
    assert (bins[:20, 1] == -1).all()
    assert np.isfinite(forms.right).all()


def test_an_llm_that_never_answered_has_the_shares_of_all() -> None:
    features, right = texts(60, 1.0)
    right[:, 1] = np.nan
    forms, _ = forms_of_texts(features, right)
    assert np.isfinite(forms.right).all()
    assert forms.scales[1](features[0, 0]) in range(8)


def test_programs_that_fail_their_examples_are_hardly_ever_right() -> None:
    right = np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 0.0], [0.0, 1.0]] * 20)
    bins = np.where(right > 0, program_bin(True), program_bin(False))
    forms = forms_of_programs(bins, right)
    assert (forms.right[:, 1] < 0.05).all()
    assert (forms.right[:, 2] > 0.9).all()


def test_a_program_that_is_not_run_tells_nothing() -> None:
    right = (np.random.default_rng(0).random((60, 2)) < 0.9) * 1.0
    for bins in (np.where(right > 0, 2, 1), np.zeros((60, 2), dtype=np.int64)):
        forms = forms_of_programs(bins, right)
        assert np.allclose(forms.right[:, 0], forms.wrong[:, 0])
        assert np.allclose(forms.right.sum(1), 1)
    assert program_bin(None) == 0


def test_scales_come_back_from_json() -> None:
    forms, _ = forms_of_texts(*texts(60, 1.0))
    again = tuple(FormScale.from_dict(json.loads(json.dumps(asdict(s)))) for s in forms.scales)
    assert again == forms.scales


def test_shares_of_other_shapes_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"Forms\.right"):
        Forms(np.ones((2, 3)), np.ones((2, 2)))
