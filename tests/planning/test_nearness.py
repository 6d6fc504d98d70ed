"""Beliefs from published scores alone, by nearness to benchmarks."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from abgnn.data.backbone import Backbone
from abgnn.data.catalogue import Catalogue
from abgnn.data.query import Query
from abgnn.errors import ConfigError
from abgnn.graph.encoders import TextEncoder
from abgnn.planning.exemplars import (
    centroids_of,
    published_logits,
    read_families,
    texts_of,
)
from abgnn.planning.nearness import NearnessBeliefs
from abgnn.planning.prior import Prior
from abgnn.planning.questions import Questions

FAMILIES = read_families()
NEW = {
    "word problems": "Ines buys 3 kilos of apples at $4 a kilo and pays with a $20 note. "
    "How much money does she get back?",
    "mathematics": "Let $g(x) = x^3 - 3x$. Find the largest value of $g$ on $[-2, 2]$.",
    "functions from docstrings": "def drop_every(items: list, n: int) -> list:\n"
    '    """ Return items without each nth.\n    >>> drop_every([1, 2, 3], 2)\n    [1, 3]\n    """',
    "trivia": "Which Norwegian explorer was first to reach the South Pole?",
    "sentences from concepts": "beach, sand, castle, build, wave, bucket",
}


def backbone(name: str, **scores: dict[str, float]) -> Backbone:
    return Backbone(name, name, "standard", 1.0, 1.0, 8.0, scores)


def prior(accuracy: list[float]) -> Prior:
    n = len(accuracy)
    ones = np.ones(n)
    return Prior(
        tuple(f"b{i}" for i in range(n)), np.array(accuracy), 1e-3 * ones, ones,
        np.zeros(n, dtype=bool), 1e-6 * ones, 100.0,
    )  # fmt: skip


def questions(embedding: np.ndarray) -> Questions:
    asked = [Query(f"q{i}", f"question {i}", "general") for i in range(len(embedding))]
    return Questions.of(asked, embedding)


def test_a_dozen_texts_for_each_family_and_no_name_twice() -> None:
    assert min(len(set(family.texts)) for family in FAMILIES) >= 12
    assert max(Counter(texts_of(FAMILIES)).values()) == 1
    names = {name.lower(): f.name for f in FAMILIES for name in f.benchmarks}
    for family in FAMILIES:
        assert {names[name.lower()] for name in family.benchmarks} == {family.name}


@pytest.mark.parametrize("path", ["paper", "llmrouter"])
def test_shipped_catalogues_publish_on_known_families(path: str) -> None:
    catalogue = Catalogue.from_yaml(f"catalogues/{path}.yaml")
    known = ~np.isnan(published_logits(catalogue, FAMILIES))
    assert known.any(1).all()
    assert known.any(0).sum() >= 4


def test_scores_become_mean_logits_of_their_family_and_ratings_do_not() -> None:
    catalogue = Catalogue(
        (
            backbone("a", general={"MMLU": 50.0, "mmlu-redux": 90.0}, code={"CodeForces": 1500.0}),
            backbone("b", math={"GSM8K": 75.0}, general={"unheard of": 10.0}),
        )
    )
    logits = published_logits(catalogue, FAMILIES)
    row = {f.name: values for f, values in zip(FAMILIES, logits.T, strict=True)}
    assert row["general knowledge"][0] == pytest.approx(np.log(9) / 2)
    assert row["word problems"][1] == pytest.approx(np.log(3))
    assert (~np.isnan(logits)).sum() == 2


def test_a_question_takes_the_scores_of_the_family_it_is_near() -> None:
    centroids = np.eye(3)
    published = np.array([[2.0, -1.0, np.nan], [-2.0, 3.0, np.nan]])
    beliefs = NearnessBeliefs.of(prior([0.5, 0.5]), published, centroids, ("x", "y"))
    shown = beliefs(questions(np.eye(3)[:2]))
    np.testing.assert_allclose(shown.logit[:, 0], [[2.0, -2.0], [-1.0, 3.0]], atol=1e-6)
    assert np.array_equal(shown.logit[:, 0], shown.logit[:, 1])
    assert (shown.usd == 1e-3).all()
    half = np.array([[0.5**0.5, 0.5**0.5, 0.0]])
    np.testing.assert_allclose(beliefs(questions(half)).logit[0, 0], [0.5, 0.5], atol=1e-6)


def test_a_missing_score_is_the_backbone_s_level_and_the_family_s_height() -> None:
    published = np.array([[1.0, 3.0], [0.0, np.nan], [np.nan, np.nan]])
    beliefs = NearnessBeliefs.of(prior([0.7, 0.5, 0.5]), published, np.eye(2), ("x",))
    assert beliefs.logits[1, 1] == pytest.approx(2.0, abs=1e-6)
    shown = beliefs(questions(np.eye(2)))
    assert shown.logit_sd[1, 0, 1] > shown.logit_sd[0, 0, 1]
    assert np.isfinite(shown.logit).all()


def test_without_any_published_score_the_profiles_are_left() -> None:
    beliefs = NearnessBeliefs.of(prior([0.7, 0.4]), np.full((2, 3), np.nan), np.eye(3), ("x",))
    logit = beliefs(questions(np.eye(3))).logit[:, 0]
    np.testing.assert_allclose(logit, np.log([[0.7 / 0.3, 0.4 / 0.6]] * 3))


def test_shapes_are_checked() -> None:
    with pytest.raises(ConfigError, match="published"):
        NearnessBeliefs.of(prior([0.5]), np.zeros((2, 3)), np.eye(3), ("x",))
    with pytest.raises(ConfigError, match="embedding"):
        centroids_of(FAMILIES, np.zeros((3, 4)))


@pytest.mark.slow
def test_new_questions_are_near_to_their_family() -> None:
    encode = TextEncoder("offline")
    centroids = centroids_of(FAMILIES, encode(texts_of(FAMILIES)).double().numpy())
    everything = np.ones((1, len(FAMILIES)))
    beliefs = NearnessBeliefs.of(prior([0.5]), everything, centroids, ("x",))
    near = beliefs.nearness(questions(encode(list(NEW.values())).double().numpy()))
    assert [FAMILIES[b].name for b in near.argmax(1)] == list(NEW)
