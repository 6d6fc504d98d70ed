"""`abgnn beliefs`, and plans that read the question from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from abgnn.cli.main import main
from abgnn.planning import LoopPlan, QuestionPlan
from abgnn.planning.calibration import Calibration

pytestmark = pytest.mark.usefixtures("elsewhere")
LAW = "Which court hears appeals against decisions of a court of first instance?"


def test_every_llm_is_shown_with_its_price(
    calibration_file: str, calibration: Calibration, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["beliefs", calibration_file, LAW, "--role", "Critic"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in calibration.profile.names)
    assert "alone as Critic (simulated)" in shown
    assert "taken for: law" in shown  # nobody said so


def test_what_is_not_there_is_named(
    calibration_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for flags, message in (
        (["--role", "Cook"], "--role: got 'Cook'"),
        (["--kind", "cooking"], "--kind: got 'cooking'"),
    ):
        assert main(["beliefs", calibration_file, LAW, *flags]) == 2
        assert message in capsys.readouterr().err
    assert main(["beliefs", calibration_file, "  "]) == 2
    Path("other.json").write_text(json.dumps({"format": "abgnn plan 1"}), encoding="utf-8")
    assert main(["beliefs", "other.json", LAW]) == 2
    assert "without --blind" in capsys.readouterr().err


def test_a_plan_reads_the_question_unless_it_is_blind(
    calibration_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    budget = ["--cost", "0.001", "--latency", "30"]
    assert main(["plan", calibration_file, *budget, "--static", "--out", "plan.json"]) == 0
    assert "plan by question from 60 calibration rollouts (simulated)" in capsys.readouterr().out
    made = QuestionPlan.read("plan.json")
    assert len(made.used()) > 1
    assert main(["plan", calibration_file, *budget, "--blind", "--out", "blind.json"]) == 0
    assert json.loads(Path("blind.json").read_text())["format"] == "abgnn plan 1"
    assert main(["beliefs", "plan.json", LAW]) == 0
    assert "Qwen3-8B" in capsys.readouterr().out


def test_a_plan_of_closed_loops_is_made_where_they_are_expected_to_do_better(
    calibration_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", calibration_file, "--cost", "0.001", "--out", "plan.json"]) == 0
    shown = capsys.readouterr().out
    assert "closed loops from 60 calibration rollouts (simulated)" in shown
    assert "its answer stands" not in shown  # committees leave gaps, so nothing was replayed
    assert LoopPlan.read("plan.json").expected["calls"] > 1
    assert main(["beliefs", "plan.json", LAW]) == 0
    assert main(["plan", calibration_file, "--cost", "1e-9", "--out", "none.json"]) == 1
    assert not Path("none.json").exists()


def test_it_is_certified_reported_and_answers(
    calibration_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", calibration_file, "--cost", "0.002", "--out", "runs/plan.json"]) == 0
    config = ["--config", "simulated/general.yaml"]
    certified = main(["certify", *config, "--plan", "runs/plan.json", "--cost", "0.01"])
    assert certified == 0
    assert "mean cost" in capsys.readouterr().out
    assert main(["run", "Who wrote Faust?", *config, "--plan", "runs/plan.json"]) == 0
    assert main(["report", "runs", "--out", "report.html"]) == 0
    assert "plan.json" in Path("report.html").read_text(encoding="utf-8")
