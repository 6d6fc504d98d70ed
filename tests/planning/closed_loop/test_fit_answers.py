"""`fit_answers`: what makes wrong answers equal, and what leaves them without a key."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from abgnn.planning.closed_loop.answer_model import AnswerModel
from abgnn.planning.closed_loop.answer_table import NO_KEY, AnswerTable
from abgnn.planning.closed_loop.fit_answers import fit_answers
from abgnn.planning.closed_loop.lookahead import posterior_of
from abgnn.planning.closed_loop.problem import Asked, LoopProblem

LLMS = ("small", "middle", "large")
N, OPTIONS, ATTRACTION, SILENT = 400, 5, 0.6, 0.4


def answers() -> AnswerTable:
    """Key 0 is right, key 1 attracts; LLMs err independently."""
    rng = np.random.default_rng(0)
    right = rng.random((N, 3)) < 0.55
    wrong = np.where(rng.random((N, 3)) < ATTRACTION, 1, rng.integers(1, OPTIONS, (N, 3)))
    bill, texts = np.ones((N, 3)), tuple(map(str, range(N)))
    keys, options = np.where(right, 0, wrong), np.full(N, OPTIONS)
    return AnswerTable(LLMS, keys, right * 1.0, bill, bill, options, ("letters",) * N, texts)


def silenced() -> AnswerTable:
    """Some wrong answers have lost their keys."""
    table = answers()
    lost = (table.right < 0.5) & (np.random.default_rng(1).random((N, 3)) < SILENT)
    return replace(table, keys=np.where(lost, NO_KEY, table.keys))


def test_answers_without_a_key_tell_nothing_of_how_often_wrong_keys_are_equal() -> None:
    fits = [
        fit_answers(table, np.full((N, 3), 0.55), {"letters": range(3)})
        for table in (answers(), silenced())
    ]
    whole, rest = (fit.pooled.attraction for fit in fits)
    assert abs(rest - whole) < 0.06
    assert np.allclose(fits[1].no_key, SILENT, atol=0.06)


def test_two_equal_answers_are_right_as_often_as_is_believed_where_some_have_no_key() -> None:
    table = silenced()
    fit = fit_answers(table, np.full((N, 3), 0.55), {"letters": range(3)})
    one = LoopProblem(
        LLMS, np.full(3, 0.55), np.ones(3), np.ones(3), fit.model("letters", OPTIONS), 0.0,
        no_key=np.array(fit.no_key),
    )  # fmt: skip
    believed = posterior_of(one, [Asked(0, "B"), Asked(1, "B")]).best[1]
    pairs = [(0, 1), (0, 2), (1, 2)]
    equal = [(table.keys[:, i] == table.keys[:, j]) & (table.keys[:, i] >= 0) for i, j in pairs]
    right = np.concatenate(
        [table.right[same, i] for same, (i, _) in zip(equal, pairs, strict=True)]
    )
    assert abs(believed - right.mean()) < 0.03


def test_models_of_unknown_tasks_have_what_all_tasks_share() -> None:
    fit = fit_answers(answers(), np.full((N, 3), 0.55), {"letters": range(3)})
    assert fit.model("another", 4) == replace(fit.pooled, options=4)
    assert isinstance(fit.model("letters", 0), AnswerModel)
