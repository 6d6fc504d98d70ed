"""Closed loops in `abgnn cases` and `abgnn frontier`: their paths, points, labels and refusals."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from lightning.pytorch import Trainer
from matplotlib.text import Text
from rich.console import Console

from abgnn.cli.main import main
from abgnn.data import Query
from abgnn.data.backbone import Usage
from abgnn.data.loop_step import LoopStep
from abgnn.data.outcome import Outcome
from abgnn.data.plan import Agent, Plan
from abgnn.data.template import Role
from abgnn.errors import ConfigError
from abgnn.experiments import sweep as sweeps
from abgnn.experiments.cases import cases, write_cases
from abgnn.experiments.experiment import Experiment
from abgnn.experiments.loop_paths import beliefs_of, graph_of, path_of, words_of
from abgnn.experiments.loops import LOOPS, loops_for
from abgnn.experiments.sweep import OperatingPoint, Sweep
from abgnn.planning import Budget
from abgnn.plots import decision_graph
from abgnn.rollout.settings import Telemetry
from tests.planning.closed_loop.calibrations import THREE, calibration, data, module

COSTS = (1.5e-4, 6e-4)


@pytest.fixture(scope="module")
def made() -> Experiment:
    silent = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, max_epochs=0)
    return Experiment(module(), data(), silent)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("loops") / "complete.json"
    calibration().save(path)
    return str(path)


def step(answers: dict[int, str], *asks: int, answer: int | None = None, reads: bool = False,
         failed: tuple[int, ...] = ()) -> LoopStep:  # fmt: skip
    said = tuple(answers.items())
    return LoopStep(said, failed, answer, 0.25 * (1 + len(said)), 0.5, (0.1,) * 4, asks, reads)


def outcome(*steps: LoopStep) -> Outcome:
    agents = tuple(Agent(Role("Expert", "You know."), name) for name in ("a", "b", "c", "d"))
    plan = Plan(Query("q", "Which?", "general"), agents, (), 3)
    return Outcome(plan, "B", 1.0, Usage(1, 1), 1e-3, 2.0, 0.1, (), None, steps=steps)


def test_a_path_holds_who_was_asked_after_whom() -> None:
    both = step({}, 2, 0)
    then = step({2: "A", 0: "B"}, 1, answer=2)
    end = step({2: "A", 0: "B", 1: "B"}, answer=0)
    seen = path_of(outcome(both, then, end)).plan
    assert [agent.backbone for agent in seen.agents] == ["c", "a", "b"]
    assert set(seen.edges) == {(0, 2), (1, 2)}
    assert seen.agents[seen.decision].backbone == "a"  # the ablest that gave the answer
    assert beliefs_of(outcome(both, then, end)) == "A 75 %, B 100 %"


def test_a_reader_s_answer_stands() -> None:
    seen = path_of(outcome(step({}, 0), step({0: "A"}, 3, answer=0, reads=True))).plan
    assert [agent.backbone for agent in seen.agents] == ["a", "d"]
    assert seen.decision == 1


def test_nobody_answered_and_other_plans() -> None:
    lost = path_of(outcome(step({}, 1), step({}, failed=(1,)))).plan
    assert [agent.backbone for agent in lost.agents] == ["b"]
    assert lost.decision == 0
    assert beliefs_of(outcome(step({}, 1), step({}, failed=(1,)))) == ""
    plain = outcome()
    assert path_of(plain) is plain
    assert graph_of(plain.plan) is None
    assert words_of(plain) == []


def test_decisions_are_told_in_words() -> None:
    [first, second] = words_of(outcome(step({}, 0), step({0: "A"}, answer=0)))
    assert first.startswith("Ask a:")
    assert second.startswith("a answered A: 50 % likely right.")


def test_cases_show_loops_beside_plans_and_say_what_they_are(
    made: Experiment, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamped: list[bool] = []
    drawn: list[str] = []
    save = decision_graph.Figure.savefig

    def watched(figure: decision_graph.Figure, *args: object, **kwargs: object) -> None:
        texts = [str(t.get_text()) for t in figure.findobj(Text)]
        stamped.append("simulated" in texts)
        drawn.extend(texts)
        save(figure, *args, **kwargs)

    monkeypatch.setattr(decision_graph.Figure, "savefig", watched)
    shown = cases(made, [Budget(COSTS[1])], rollouts=0, loops=loops_for(made, file))
    assert {case.system for case in shown} == {"planner", LOOPS}
    console = Console(record=True, width=200)
    picture = write_cases(shown, tmp_path, "simulated", console)
    assert picture.exists()
    assert len(stamped) == 1 + 3  # the plans, and a decision graph per question
    assert all(stamped)
    assert any("who was asked when" in text for text in drawn)
    rows = json.loads((tmp_path / "cases.json").read_text())
    loops = [row for row in rows if row["system"] == LOOPS]
    assert len(loops) == 3
    assert all("decisions" not in row for row in rows if row["system"] != LOOPS)
    printed = console.export_text()
    for row in loops:
        assert row["source"] == "simulated"
        assert row["decision_graph"].startswith("flowchart LR")
        assert row["decisions"][0]["answers"] == []
        assert row["decisions"][-1]["asks"] == []
        assert all(each["words"] in printed for each in row["decisions"])
    assert "closed loop (simulated): level" in printed


@pytest.mark.slow
def test_a_frontier_has_a_loop_for_every_budget_of_its_grid(
    made: Experiment, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeps, "build", lambda *_: made)
    points = (OperatingPoint(0.0, 0.0),)
    sweep = Sweep(("any",), points, COSTS, (), loops=True, calibration=file)
    rows = sweeps.loop_rows(sweep)[LOOPS]
    names = ["cheapest", "0.105 mUSD", "0.15 mUSD", "0.6 mUSD", "no budget"]
    assert [row.name for row in rows] == names
    costs = [row.cost_usd for row in rows]
    assert costs[0] < costs[2] < costs[-1]  # what cannot be kept gets the nearest plan


def test_a_frontier_sets_telemetry_up_before_its_loops_make_calls(
    made: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Telemetry] = []
    monkeypatch.setattr(sweeps, "build", lambda *_: made)
    monkeypatch.setattr(sweeps, "set_up", seen.append)
    missing = str(tmp_path / "none.json")
    sweep = Sweep(("any",), (OperatingPoint(0.0, 0.0),), COSTS, (), calibration=missing)
    with pytest.raises(ConfigError, match="calibrate"):  # after telemetry, before calls
        sweeps.loop_rows(sweep)
    assert seen == [made.model.rollout_settings.telemetry]


def test_what_loops_cannot_be_planned_from_is_refused(
    made: Experiment, file: str, tmp_path: Path
) -> None:
    asked = data().queries("train")
    leaky = SimpleNamespace(setup=lambda _: None, queries=lambda _: asked[:5])
    with pytest.raises(ConfigError, match="5 test questions"):
        loops_for(Experiment(made.model, leaky, made.trainer), file)
    scores = SimpleNamespace(table=SimpleNamespace(keys=[[""]], responses=[[""]]))
    with pytest.raises(ConfigError, match="a table of answers"):
        loops_for(Experiment(made.model, scores, made.trainer), file)
    others = Experiment(module(THREE[:2]), data(), made.trainer)
    with pytest.raises(ConfigError, match="backbone"):
        loops_for(others, file)
    with pytest.raises(ConfigError, match="calibrate"):
        loops_for(made, str(tmp_path / "none.json"))
    with pytest.raises(ConfigError, match="cost"):
        loops_for(made, file)(Budget(1e-9))


@pytest.mark.slow
def test_commands_take_loops(tmp_path: Path) -> None:
    config = {
        "fit": ["simulated/general.yaml"],
        "points": [{"lambda_tok": 10, "lambda_lat": 1e-3}],
        "cost_budgets": [1e-3],
        "latency_budgets": [40],
        "variants": {"AgentBalance": ["--data.init_args.n_train=24", "--trainer.max_epochs=1"]},
        "topologies": [],
        "out": str(tmp_path / "frontier"),
    }
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(config))
    assert main(["frontier", "--config", str(path), "--loop"]) == 0
    rows = list(csv.DictReader((tmp_path / "frontier" / "points.csv").open(encoding="utf-8")))
    loops = [row for row in rows if any(str(v).startswith(LOOPS) for v in row.values())]
    assert len(loops) == 6
    assert all("simulated" in row.values() for row in loops)
    args = ["--config", "compare/simulated-general.yaml", "--rollouts", "0", "--loop"]
    assert main(["cases", *args, "--out", str(tmp_path / "cases")]) == 0
    assert len(list((tmp_path / "cases").glob("decisions-*-simulated.png"))) == 6
