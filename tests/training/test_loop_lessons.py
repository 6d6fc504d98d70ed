"""What a net learns from a replayed calibration, and when it is used."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from abgnn.data.arrays import Array
from abgnn.data.query import Query
from abgnn.models.loop_features import AGENT, QUESTION, LoopFeatures
from abgnn.nn.loop_state_net import LoopStateNet
from abgnn.planning.closed_loop.answer_model import AnswerModel
from abgnn.planning.closed_loop.answer_table import AnswerTable
from abgnn.planning.closed_loop.problem import LoopProblem
from abgnn.planning.questions import Questions
from abgnn.training.loop_lessons import LoopCourse, LoopLessons
from abgnn.training.loop_validation import replayed, teach_loop_net

LLMS = ("first", "echo", "third")
USD = np.array([1e-4, 1.2e-4, 3e-4])
COURSE = LoopCourse(folds=3, prices=3)


def answers(n: int, seed: int, *, planted: bool) -> tuple[Array, Array]:
    """Keys and kinds. In kind 1 of a planted world the second LLM says what the first one says,
    and the third says something else only where it is right; in kind 0 all are on their own."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 2, n)
    keys = np.where(rng.random((n, 3)) < (0.75, 0.75, 0.5), 0, rng.integers(1, 4, (n, 3)))
    if planted:
        odd = kind == 1
        keys[odd, 0] = np.where(rng.random(odd.sum()) < 0.6, 0, 1)
        keys[odd, 1] = keys[odd, 0]
        speaks = rng.random(odd.sum()) < np.where(keys[odd, 0] > 0, 0.8, 0.2)
        keys[odd, 2] = np.where(speaks, 0, -1)
    return keys, kind


def lessons(n: int, seed: int, *, planted: bool) -> LoopLessons:
    keys, kind = answers(n, seed, planted=planted)
    right = (keys == 0).astype(float)
    accuracy = np.stack([right[kind == k].mean(0) for k in (0, 1)])[kind]
    names = tuple(f"kind {k}" for k in kind)
    texts = tuple(f"question {seed} {q}" for q in range(n))
    queries = [Query(t, t, "general", meta={"k": k}) for t, k in zip(texts, names, strict=True)]
    embedding = np.random.default_rng(7).standard_normal((n, 12))
    questions = Questions.of(queries, embedding, by="k")
    usd = np.tile(USD, (n, 1))
    made = [
        LoopProblem(LLMS, p, USD, 1e4 * USD, AnswerModel(options=4), 0.0, no_key=np.full(3, 0.2))
        for p in accuracy
    ]
    table = AnswerTable(LLMS, keys, right, usd, 1e4 * usd, np.full(n, 4), names, texts)
    features = LoopFeatures.of(questions, made, LLMS)
    return LoopLessons(made, table, features.view(questions))


def shown_as(other: LoopLessons, learned: LoopLessons) -> LoopLessons:
    """Other questions, read as in the lessons."""
    features = learned.view.features
    view = replace(other.view, features=features)
    return replace(other, view=view)


@pytest.mark.slow
def test_a_planted_signal_is_learned_and_pays_on_other_questions() -> None:
    learned, new = lessons(150, 0, planted=True), lessons(300, 1, planted=True)
    torch.manual_seed(0)
    net = LoopStateNet(QUESTION, AGENT)
    report = teach_loop_net(net, learned, COURSE)
    assert report.scale > 0
    assert "residual" in report.words()
    other, prices = shown_as(new, learned), learned.prices(3)
    gain = replayed(net, other, prices) - replayed(None, other, prices)
    assert gain.mean() > 2 * gain.std() / len(gain) ** 0.5
    assert gain.mean() > 0.02


@pytest.mark.slow
def test_where_the_closed_form_is_right_nothing_is_added() -> None:
    learned = lessons(100, 2, planted=False)
    net = LoopStateNet(QUESTION, AGENT)
    report = teach_loop_net(net, learned, COURSE)
    assert report.scale == 0
    assert "closed form as it is" in report.words()
    assert not net.corrects
