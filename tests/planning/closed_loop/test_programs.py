"""Closed loops of programs: run with public examples before the next call is paid."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from abgnn.errors import ConfigError
from abgnn.planning import Budget, LoopPlan
from abgnn.planning.calibration import Calibration
from abgnn.planning.closed_loop.calibrated import closed_loop_of
from abgnn.planning.reading_plan import reading_plan
from tests.planning.closed_loop.calibrations import calibration, of_programs


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
