"""Exact returns of every stop and every ask, against loops carried out one by one."""

from __future__ import annotations

import numpy as np
import pytest

from abgnn.errors import ConfigError
from abgnn.planning.closed_loop.answer_table import AnswerTable
from abgnn.planning.closed_loop.batch import LoopBatch
from abgnn.planning.closed_loop.counterfactual import Counterfactual, exact_values
from abgnn.planning.closed_loop.lookahead import decide
from abgnn.planning.closed_loop.problem import LoopProblem
from abgnn.planning.closed_loop.replay import Replay, priced
from abgnn.planning.closed_loop.walks import Answers
from tests.planning.closed_loop.problems import drawn_problems

LLMS = tuple("abcd")
QUESTIONS = 12


def problems(seed: int = 0) -> list[LoopProblem]:
    return drawn_problems(QUESTIONS, LLMS, seed)


def table(seed: int = 1) -> AnswerTable:
    rng = np.random.default_rng(seed)
    keys = rng.integers(-1, 3, (QUESTIONS, 4))
    right = (keys == 0).astype(float)
    usd, seconds = rng.uniform(1e-4, 2e-3, (QUESTIONS, 4)), rng.uniform(1, 9, (QUESTIONS, 4))
    texts = tuple(f"question {q}" for q in range(QUESTIONS))
    options = np.full(QUESTIONS, 4)
    return AnswerTable(LLMS, keys, right, usd, seconds, options, ("t",) * QUESTIONS, texts)


def carried_out(
    problem: LoopProblem, known: Answers, asked: tuple[int, ...], tok: float, lat: float
) -> float:
    """Return from a state on, by `decide`, one answer after another."""
    step = decide(problem, [known(m) for m in asked])
    if not step.ask:
        return 0.0 if step.answer is None else float(known.right[step.answer])
    bill = sum(tok * known.usd[m] for m in step.ask)
    bill += lat * max(known.seconds[m] for m in step.ask)
    return carried_out(problem, known, (*asked, *step.ask), tok, lat) - float(bill)


@pytest.mark.parametrize(("tok", "lat"), [(60.0, 0.0), (400.0, 0.0), (40.0, 0.01)])
def test_returns_are_those_of_loops_carried_out(tok: float, lat: float) -> None:
    replay = Replay(problems(), table())
    batch = LoopBatch(tuple(replay.problems))
    policy = batch.policy(tok, lat)
    made = Counterfactual.of(batch, replay.answers)
    exact = exact_values(made, batch.weights, policy, tok, lat)
    for q, (problem, known) in enumerate(zip(replay.problems, replay.answers, strict=True)):
        at = priced(problem, tok, lat)
        assert exact.start[q] == pytest.approx(carried_out(at, known, (), tok, lat))
        for u, asked in enumerate(made.subsets):
            stands = decide(at, [known(m) for m in asked]).answer
            assert exact.stop[q, u] == (0.0 if stands is None else known.right[stands])
            for m in range(len(LLMS)):
                if m in asked or len(asked) == problem.calls:
                    assert exact.ask[q, u, m] == -np.inf
                    continue
                bill = tok * known.usd[m] + lat * known.seconds[m]
                wanted = carried_out(at, known, (*asked, m), tok, lat) - bill
                assert exact.ask[q, u, m] == pytest.approx(wanted)


def test_the_whole_policy_is_the_replay() -> None:
    replay = Replay(problems(2), table(3))
    batch = LoopBatch(tuple(replay.problems))
    made = Counterfactual.of(batch, replay.answers)
    for tok, lat in ((100.0, 0.0), (30.0, 0.02)):
        run = replay(tok, lat)
        exact = exact_values(made, batch.weights, batch.policy(tok, lat), tok, lat)
        np.testing.assert_allclose(exact.start, run.right - tok * run.usd - lat * run.seconds)
        assert (exact.visited.sum(1) >= 1).all()


def test_a_missing_answer_is_refused() -> None:
    known = table()
    known.right[3, 2] = np.nan
    replay = Replay(problems(), known)
    with pytest.raises(ConfigError, match="1 answers missing"):
        Counterfactual.of(LoopBatch(tuple(replay.problems)), replay.answers)
