"""From an outcome table, or from nothing, to a plan file that goes by the chosen beliefs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from abgnn.cli.main import main
from abgnn.data.query import Query
from abgnn.experiments.calibrate import calibrate_experiment
from abgnn.experiments.experiment import Experiment, build
from abgnn.graph.base_mas import BaseMAS
from abgnn.models.questions import questions_of
from abgnn.planning import Budget, QuestionPlan
from abgnn.planning.calibration import Calibration
from abgnn.planning.lone_beliefs import lone_outcomes
from tests.conftest import QUIET

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("elsewhere")]
ROUTING, TRAIN = "recorded/routing.yaml", 40


@pytest.fixture
def recorded(tmp_path: Path) -> Experiment:
    """Half of nine LLMs can add, the other half can spell."""
    names = BaseMAS("general", "catalogues/llmrouter.yaml", encoder="offline").catalogue.names
    tasks = {"gsm8k": "What is {} plus {}?", "mmlu": "How is word number {} of {} spelt?"}
    rows = []
    for i in range(80):
        task = list(tasks)[i % 2]
        scores = {name: float((m + i) % 2 == 0 or i % 7 == 0) for m, name in enumerate(names)}
        text = tasks[task].format(i, 3 * i)
        rows.append({"task": task, "metric": "em_mc", "query": text, "scores": scores})
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    price = {"size": "9B", "input_price": 0.1, "output_price": 0.1}
    (tmp_path / "p.json").write_text(json.dumps(dict.fromkeys(names, price)))
    own = {"path": str(tmp_path / "t.jsonl"), "profiles": str(tmp_path / "p.json")}
    own |= {"tasks": None, "n_train": TRAIN, "n_val": 4}
    Path("own.yaml").write_text(json.dumps({"data": {"init_args": own}}))
    return build([ROUTING, "own.yaml"], QUIET)


def test_a_routing_table_is_planned_by_the_beliefs_that_err_least(
    recorded: Experiment, capsys: pytest.CaptureFixture[str]
) -> None:
    known = calibrate_experiment(recorded, TRAIN * 9)
    assert lone_outcomes(known.observed, 9).complete  # no LLM twice before all were once
    known.save("calibration.json")
    assert main(["plan", "calibration.json", "--cost", "1", "--out", "plan.json"]) == 0
    lone = QuestionPlan.read("plan.json").planner.lone
    assert lone is not None
    line = f"beliefs: {lone.name}; leave-one-out error of differences between LLMs: "
    assert line in " ".join(capsys.readouterr().out.split())
    assert main(["beliefs", "plan.json", "What is 100 plus 300?"]) == 0
    assert line in " ".join(capsys.readouterr().out.split())
    configs = ["--config", ROUTING, "--config", "own.yaml"]
    capsys.readouterr()
    assert main(["certify", *configs, "--plan", "plan.json", "--cost", "1"]) == 0
    assert "mean cost" in capsys.readouterr().out


def test_without_calls_plans_go_by_nearness_to_benchmarks(
    simulated: Experiment, mas: BaseMAS
) -> None:
    calibrate_experiment(simulated, 0).save("profiles.json")
    known = Calibration.load("profiles.json")
    plan = QuestionPlan.of(known, Budget(0.001))
    plan.write("plan.json")
    planner = QuestionPlan.read("plan.json").planner
    texts = (
        "Compute the derivative of x^3 - 2x + 1 at x = 2.",
        "Which court may review the constitutionality of a statute?",
    )
    asked = questions_of(mas, [Query(text, text, "general") for text in texts])
    logit = planner(asked).logit[:, planner.template.lead]
    away = logit - logit.mean(1, keepdims=True)
    assert np.abs(away[0] - away[1]).max() > 0.3  # LLMs differ from each other in another way
    assert "nearness" in planner.about
