"""What 0.1 left behind goes on working (`tests/fixtures/v0_1`; its scripts say how it was made)."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from abgnn import System
from abgnn.cli.main import main
from abgnn.data import Plan, Query
from abgnn.data.program import program_from_dict, program_to_dict
from abgnn.experiments.deployment import read_deployment
from abgnn.experiments.old_names import renamed
from abgnn.experiments.trained import from_checkpoint
from abgnn.planning import Budget
from abgnn.planning.calibration import Calibration
from abgnn.planning.plan_file import PlanFile
from abgnn.planning.planner import plan
from abgnn.serve.recipe import SourceFiles
from abgnn.training import Reinforce
from abgnn.training.evaluate import most_probable
from tests.paths import ROOT

pytestmark = pytest.mark.usefixtures("elsewhere")

OLD = ROOT / "tests" / "fixtures" / "v0_1"
EXPECTED: Mapping[str, Any] = json.loads((OLD / "expected.json").read_text(encoding="utf-8"))
QUERIES = [Query(**plan["query"]) for plan in EXPECTED["plans"]]
CHECKPOINT = str(OLD / "checkpoint.ckpt")


def test_a_checkpoint_plans_the_same() -> None:
    trained = from_checkpoint(CHECKPOINT)
    trained.policy.attach(trained.mas.table)
    plans = most_probable(trained.policy, trained.mas, QUERIES)
    assert [made.to_dict() for made in plans] == EXPECTED["plans"]


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs /proc")
def test_a_checkpoint_s_weights_are_mapped_and_never_written() -> None:
    before = Path(CHECKPOINT).read_bytes()
    trained = from_checkpoint(CHECKPOINT)
    assert CHECKPOINT in Path("/proc/self/maps").read_text()
    with torch.no_grad():
        for parameter in trained.policy.parameters():
            assert parameter.requires_grad
            parameter.add_(1.0)
    assert Path(CHECKPOINT).read_bytes() == before


def test_a_checkpoint_s_deployment_is_read_without_its_policy() -> None:
    made, whole = SourceFiles(CHECKPOINT).deployment(), from_checkpoint(CHECKPOINT).deployment
    assert (made.label, made.mas.catalogue.names) == (whole.label, whole.mas.catalogue.names)
    assert made.rollout == whole.rollout


def test_lightning_loads_a_checkpoint() -> None:
    module = Reinforce.load_from_checkpoint(CHECKPOINT, map_location="cpu")
    module.policy.attach(module.mas.table)
    assert [made.to_dict() for made in module.plans(QUERIES)] == EXPECTED["plans"]


def test_the_command_line_takes_a_checkpoint(tmp_path: Path) -> None:
    quick = ["--trainer.callbacks=null", "--data.init_args.n_train=2", "--data.init_args.n_val=1"]
    args = ["--config", "simulated/general.yaml", "--ckpt_path", CHECKPOINT, *quick]
    assert main(["predict", *args, "--data.init_args.n_test=2", "--model.calibration=null"]) == 0
    lines = next(tmp_path.rglob("plans.jsonl")).read_text(encoding="utf-8").splitlines()
    assert len([Plan.from_dict(json.loads(line)) for line in lines]) == 2


def test_a_recording_replays_a_training(tmp_path: Path) -> None:
    """With the config that the run saved: the same calls, none of them paid, the same weights.

    To the bit on one machine; another CPU embeds texts with other last digits.
    """
    shutil.copy(OLD / "recording.sqlite", tmp_path)
    config = ["--config", str(OLD / "config.yaml"), "--model.rollout.recording.mode=replay"]
    assert main(["fit", *config, "--trainer.logger.init_args.save_dir=again"]) == 0
    [path] = tmp_path.rglob("*.ckpt")
    weights = torch.load(path, weights_only=True)["state_dict"]
    before = torch.load(CHECKPOINT, weights_only=True)["state_dict"]
    assert weights.keys() == before.keys()
    spent = weights.pop("spent_usd"), before.pop("spent_usd")
    torch.testing.assert_close(weights, before, rtol=1e-4, atol=1e-5)
    assert spent[0] == 0 < spent[1]


def test_a_plan_file_plans_the_same() -> None:
    read = PlanFile.read(OLD / "plan.json")
    with System.load(OLD / "plan.json", config="simulated/general.yaml") as system:
        plans = [system.plan(query) for query in QUERIES]
    assert [made.to_dict() for made in plans] == EXPECTED["mixed"]
    assert read.to_dict() == json.loads((OLD / "plan.json").read_text(encoding="utf-8"))


def test_a_calibration_is_planned_from_the_same() -> None:
    calibration = Calibration.load(OLD / "calibration.json")
    made = PlanFile.of(plan(calibration, Budget(0.001, 20.0)), calibration).to_dict()
    assert_alike(made, EXPECTED["planned"])


def assert_alike(made: Any, expected: Any, where: str = "") -> None:
    """Equal, numbers but for what a processor's linear algebra makes of their last digits."""
    if isinstance(expected, dict):
        assert list(made) == list(expected), where
        for key in expected:
            assert_alike(made[key], expected[key], f"{where}.{key}")
    elif isinstance(expected, list):
        assert len(made) == len(expected), where
        for i, (ours, theirs) in enumerate(zip(made, expected, strict=True)):
            assert_alike(ours, theirs, f"{where}[{i}]")
    elif isinstance(expected, float):
        assert made == pytest.approx(expected, rel=1e-12), where
    else:
        assert made == expected, where


def test_a_calibration_is_written_as_it_was(tmp_path: Path) -> None:
    Calibration.load(OLD / "calibration.json").save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (OLD / "calibration.json").read_bytes()


@pytest.mark.parametrize("old", EXPECTED["programs"], ids=lambda old: str(old["name"]))
def test_programs_by_name(old: dict[str, Any]) -> None:
    program = program_from_dict(old)
    now = program_to_dict(program)
    assert now["init_args"] == {key: value for key, value in old.items() if key != "name"}
    assert now["class_path"].startswith("abgnn.models.programs.")
    assert program_from_dict(json.loads(json.dumps(now))) == program


def test_a_client_of_then_is_version_2() -> None:
    """In the config and in the checkpoint; a config that does not say how messages are is new."""
    old = read_deployment(str(OLD / "config.yaml")).client
    assert repr(old) == repr(from_checkpoint(CHECKPOINT).client)
    assert repr(old) == "SimulatedClient(world_seed=0, quirk=0)"
    new = read_deployment("simulated/general.yaml").client
    assert repr(new) == "SimulatedClient(version=3, world_seed=0, quirk=0)"


def test_class_paths_of_then() -> None:
    config = yaml.safe_load((OLD / "config.yaml").read_text(encoding="utf-8"))
    assert config["model"]["mas"]["class_path"] == "abgnn.base_mas.BaseMAS"
    assert renamed(config)["model"]["mas"]["class_path"] == "abgnn.graph.BaseMAS"
    assert renamed([{"class_path": "my.Own"}, 1]) == [{"class_path": "my.Own"}, 1]
