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


def committees(spread: float, agents: int = 30, asked: int = 8, n: int = 120) -> AnswerTable:
    """Few of many agents answer each question."""
    rng, model = np.random.default_rng(3), AnswerModel(spread, 0.0, 0.5, 4)
    nodes = model.nodes(np.full(agents, 0.7))  # [M, 8]
    chance = nodes[:, rng.choice(8, n, p=model.weights)].T
    right = (rng.random((n, agents)) < chance) * 1.0
    missing = np.argsort(rng.random((n, agents)), 1) >= asked
    keys, bill = np.where(right > 0, 0, rng.integers(1, 4, (n, agents))), np.ones((n, agents))
    names, texts = tuple(map(str, range(agents))), tuple(map(str, range(n)))
    right[missing] = np.nan
    return AnswerTable(names, keys, right, bill, bill, np.full(n, 4), ("letters",) * n, texts)


def test_after_committees_all_answers_tell_how_they_go_together() -> None:
    """Of four candidates among thirty agents, two hardly ever answer the same question."""
    table = committees(spread=2.0)
    fit = fit_answers(table, np.full((120, 30), 0.7), {"letters": range(4)})
    assert 1.5 < fit.spread["letters"] < 2.6


def test_candidates_that_have_answered_go_by_their_own_answers() -> None:
    """Whatever others, who are no candidates, answer."""
    table = answers()
    told = np.full((N, 3), 0.55)
    alone = fit_answers(table, told, {"letters": (0, 1)})
    other = replace(table, right=table.right.copy(), keys=table.keys.copy())
    other.right[:, 2], other.keys[:, 2] = 0.0, 4
    again = fit_answers(other, told, {"letters": (0, 1)})
    assert alone.pooled == again.pooled


def test_a_question_that_nobody_answered_tells_nothing() -> None:
    table = committees(spread=2.0)
    none = replace(table, right=table.right.copy())
    none.right[0] = np.nan
    fit = fit_answers(none, np.full((120, 30), 0.7), {"letters": range(4)})
    rest = fit_answers(
        table.rows(np.arange(1, 120)), np.full((119, 30), 0.7), {"letters": range(4)}
    )
    assert np.isclose(fit.pooled.spread, rest.pooled.spread)
