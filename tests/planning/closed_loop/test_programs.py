"""Closed loops of programs: run with public examples before the next call is paid."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from abgnn.errors import ConfigError
from abgnn.planning import Budget, LoopPlan
from abgnn.planning.calibration import Calibration
from abgnn.planning.closed_loop.answer_model import AnswerModel
from abgnn.planning.closed_loop.answer_table import AnswerTable
from abgnn.planning.closed_loop.calibrated import closed_loop_of
from abgnn.planning.closed_loop.expected import Expected
from abgnn.planning.closed_loop.problem import LoopProblem
from abgnn.planning.closed_loop.replay import Replay
from abgnn.planning.reading_plan import BothPlans, any_plan, reading_plan
from tests.planning.closed_loop.calibrations import calibration, of_programs
from tests.planning.closed_loop.problems import problem


def test_what_programs_make_of_examples_is_kept(tmp_path: Path) -> None:
    made, _ = of_programs()
    passes, right = made.observed.passes, made.observed.right
    assert passes is not None
    assert (made.observed.key == -1).all()
    assert (passes[right == 1] == 1).mean() < 0.2  # examples that none can pass
    assert (passes[right == 0] == 1).any()
    made.save(tmp_path / "code.json")
    again = Calibration.load(tmp_path / "code.json")
    assert again.observed.passes is not None
    assert (again.observed.passes == passes).all()
    assert again.observed.form is not None
    assert np.allclose(again.observed.form, made.observed.form)  # type: ignore[arg-type]


def test_a_loop_is_planned_and_comes_back_from_its_file(tmp_path: Path) -> None:
    made, _ = of_programs()
    plan = reading_plan(made, Budget(), kind="loop")
    assert isinstance(plan, LoopPlan)
    plan.write(tmp_path / "loop.json")
    again = LoopPlan.read(tmp_path / "loop.json")
    assert made.questions is not None
    for one, other in zip(*(p.loop.problems(made.questions) for p in (plan, again)), strict=True):
        assert not one.keys
        assert np.allclose(one.form_right, other.form_right)  # type: ignore[arg-type]
        assert np.allclose(one.accuracy, other.accuracy, atol=1e-5)


def test_a_failing_program_is_followed_by_another_call() -> None:
    made, _ = of_programs()
    loop = closed_loop_of(made)
    assert loop.forms is not None
    assert (loop.forms.wrong[:, 1] > loop.forms.right[:, 1]).all()
    run = loop.replay(0.0)
    first = loop.replay(1e9)
    assert run.right.mean() >= first.right.mean()


def test_free_text_is_compared_by_how_it_is_written() -> None:
    known = calibration()
    text = replace(known, observed=replace(known.observed, key=None))
    loop = closed_loop_of(text)
    assert loop.forms is not None
    assert len(loop.forms.scales) == len(loop.llms)
    assert not loop.problems(known.questions)[0].keys  # type: ignore[arg-type]
    assert loop.reading is None


def test_keys_that_do_not_tell_are_left_aside() -> None:
    known = calibration()
    scrambled = np.random.default_rng(0).integers(0, 50, len(known.observed))
    loop = closed_loop_of(replace(known, observed=replace(known.observed, key=scrambled)))
    assert not loop.table.has_keys


def test_old_calibrations_without_keys_are_refused() -> None:
    old = replace(calibration().observed, key=None, form=None)
    with pytest.raises(ConfigError, match="no keys"):
        closed_loop_of(replace(calibration(), observed=old))


def test_programs_that_were_not_run_are_no_evidence() -> None:
    made, _ = of_programs()
    unrun = replace(made.observed, passes=np.zeros(len(made.observed), dtype=np.int64))
    with pytest.raises(ConfigError, match="programs that were not run"):
        closed_loop_of(replace(made, observed=unrun))


RUN = 0.8
"""Share of the questions whose examples can be run."""
FAILS_WRONG, FAILS_RIGHT = 0.9, 0.05


def cheap_and_dear() -> LoopProblem:
    """Programs of two cheap LLMs and a dear one, run with examples or not."""
    right = np.array([1 - RUN, RUN * FAILS_RIGHT, RUN * (1 - FAILS_RIGHT)])
    wrong = np.array([1 - RUN, RUN * FAILS_WRONG, RUN * (1 - FAILS_WRONG)])
    accuracy, usd = np.array([0.6, 0.65, 0.85]), np.array([0.5, 0.8, 8.0]) * 1e-4
    more = {"form_right": np.tile(right, (3, 1)), "form_wrong": np.tile(wrong, (3, 1))}
    changes = {"accuracy": accuracy, "usd": usd, "seconds": 1e4 * usd, "keys": False, **more}
    return problem(3, AnswerModel(1.0, 0.0, 0.5, 4), **changes)


def programs_of(made: LoopProblem, n: int) -> AnswerTable:
    """Of n questions: all programs of one are run, or none."""
    rng, model = np.random.default_rng(4), made.model
    k = rng.permutation(np.repeat(np.arange(8), np.round(n * model.weights).astype(int)))
    n = len(k)
    right = rng.random((n, 3)) < model.nodes(made.accuracy)[:, k].T
    fails = rng.random((n, 3)) < np.where(right, FAILS_RIGHT, FAILS_WRONG)
    runs = rng.permutation(np.arange(n) < RUN * n)[:, None]
    bins = np.where(runs, np.where(fails, 1, 2), 0)
    usd, seconds = (np.tile(of, (n, 1)) for of in (made.usd, made.seconds))
    return AnswerTable(
        made.names, np.full((n, 3), -1), right * 1.0, usd, seconds, np.full(n, 4), ("",) * n,
        tuple(map(str, range(n))), forms=bins,
    )  # fmt: skip


@pytest.mark.parametrize("price", [600.0, 250.0, 100.0])
def test_programs_of_a_question_are_all_run_or_none(price: float) -> None:
    """What a loop is expected to cost reckons with it, though the loop does not know beforehand."""
    made = cheap_and_dear()
    table = programs_of(made, 20_000)
    run = Replay([made] * len(table), table)(price)
    expected = Expected([made], np.array([RUN]))
    found, blind = expected(price), Expected([made])(price)
    assert found.usd[0] == pytest.approx(run.usd.mean(), rel=0.01)
    assert found.right[0] == pytest.approx(run.right.mean(), abs=0.005)
    assert expected.deviations(price)[0, 0] == pytest.approx(run.usd.std(), rel=0.01)
    assert blind.usd[0] < 0.9 * run.usd.mean()


def test_from_committees_loops_of_programs_take_part() -> None:
    made, _ = of_programs("random")
    assert made.observed.passes is not None
    assert (made.observed.passes == 2).any()
    both = any_plan(made)
    assert isinstance(both, BothPlans)
    loop = both.loop.loop
    assert not loop.table.answered.all()
    assert not loop.table.has_keys
    assert loop.bills is not None
    runs = (loop.table.forms > 0).any(1)  # type: ignore[operator]
    assert loop.expected.ran == pytest.approx(runs * 1.0)
    share = loop.expected_of(loop.replay.problems[:3]).ran
    assert share is not None
    assert 0.5 < share[0] < 1
