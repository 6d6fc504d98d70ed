"""What is saved and loaded plans the same: policies to the bit, plans, calibrations; cards."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from abgnn import System
from abgnn.cli.main import main
from abgnn.data import Query
from abgnn.data.resources import config_path, config_root
from abgnn.errors import ConfigError
from abgnn.experiments.certify import certify_policy
from abgnn.experiments.experiment import Experiment, build
from abgnn.graph.base_mas import BaseMAS
from abgnn.models import AgentBalance, FixedGraph
from abgnn.models.policy import Policy
from abgnn.planning import Budget, QuestionPlan
from abgnn.planning.calibration import Calibration
from abgnn.planning.plan_file import PlanFile
from abgnn.planning.planner import plan
from abgnn.serve.policy_source import PolicySource
from abgnn.serve.pretrained.classes import PARTS, Builder
from abgnn.serve.pretrained.consent import Consent
from abgnn.serve.recipe import SourceFiles
from datamodules import QuickQA
from tests.conftest import QUIET
from tests.paths import ROOT

CONFIG = "simulated/general.yaml"
CHECKPOINT = str(ROOT / "tests" / "fixtures" / "v0_1" / "checkpoint.ckpt")
NAMES = ["README.md", "config.json"]


@pytest.fixture(scope="module")
def asked() -> list[Query]:
    data = QuickQA()
    data.setup("test")
    return data.queries("test")[:6]


def plans(system: System, queries: list[Query], **budget: float) -> list[object]:
    return [system.plan(query, **budget) for query in queries]


def log_probs(source: PolicySource, queries: list[Query]) -> torch.Tensor:
    assert source.trained is not None
    policy, mas = source.trained.policy.eval(), source.trained.mas
    policy.attach(mas.table)
    with torch.no_grad():
        return policy(mas.batch(queries), sample=False).log_probs


def state_of(source: PolicySource) -> dict[str, Any]:
    assert source.trained is not None
    return source.trained.policy.state_dict()


@pytest.mark.parametrize("source", [CONFIG, CHECKPOINT])
def test_a_policy_decides_the_same_to_the_bit(
    source: str, asked: list[Query], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the checkpoint's recording is a file there
    with System.load(source) as first:
        expected, chosen = log_probs(first.source, asked), plans(first, asked)
        tight = plans(first, asked, cost_usd=1e-4)
        first.save_pretrained("saved")
    rng = torch.get_rng_state()
    with System.from_pretrained("saved") as again:
        assert torch.equal(torch.get_rng_state(), rng)
        assert torch.equal(log_probs(again.source, asked), expected)
        assert (plans(again, asked), plans(again, asked, cost_usd=1e-4)) == (chosen, tight)
        assert again.run(asked[0]).error is None
        assert again.deployment.rollout.recording.path is None
        again.save_pretrained("again")
    for name in os.listdir("saved"):
        assert Path("again", name).read_bytes() == Path("saved", name).read_bytes(), name
    assert sorted(os.listdir("saved")) == [*NAMES, "model.safetensors"]
    for name in os.listdir("saved"):  # nothing of the saver's machine
        assert str(tmp_path).encode() not in Path("saved", name).read_bytes()


def test_a_mixture_and_its_calibration(
    calibration_file: str, asked: list[Query], tmp_path: Path
) -> None:
    known = Calibration.load(calibration_file)
    path = tmp_path / "plan.json"
    PlanFile.of(plan(known, Budget(1e-3)), known).write(path)
    with System.load(path, config=CONFIG) as first:
        expected = plans(first, asked)
        first.save_pretrained(tmp_path / "plan")
    with System.from_pretrained(tmp_path / "plan") as again:
        assert (plans(again, asked), again.budget_kind) == (expected, "bound")
    assert sorted(os.listdir(tmp_path / "plan")) == [*NAMES, "plan.json"]
    assert "torch" not in str(type(again.deployment.mas))
    blind = tmp_path / "blind.json"
    replace(known, questions=None, role_embedding=None).save(blind)
    with System.load(blind, config=CONFIG) as first:
        expected = plans(first, asked, cost_usd=8e-4)
        first.save_pretrained(tmp_path / "blind")
    with System.from_pretrained(tmp_path / "blind") as again:
        assert (plans(again, asked, cost_usd=8e-4), again.budget_kind) == (expected, "planned")
    card = (tmp_path / "blind" / "README.md").read_text(encoding="utf-8")
    assert "## Frontier" in card
    assert "60 rollouts" in card


def test_plans_that_read_the_question(
    calibration_file: str, asked: list[Query], tmp_path: Path
) -> None:
    known = Calibration.load(calibration_file)
    path = tmp_path / "plan.json"
    QuestionPlan.of(known, Budget(1e-3)).write(path)
    for source, name in ((str(path), "plan.json"), (calibration_file, "calibration.json")):
        folder = tmp_path / f"saved-{name}"
        with System.load(source, config=CONFIG) as first:
            expected = plans(first, asked, cost_usd=5e-4)
            first.save_pretrained(folder)
        assert sorted(os.listdir(folder)) == sorted([*NAMES, name])
        with System.from_pretrained(folder) as again:
            assert (plans(again, asked, cost_usd=5e-4), again.budget_kind) == (expected, "planned")


@pytest.mark.slow
def test_a_policy_with_a_calibration_beside_it(
    calibration_file: str, asked: list[Query], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the checkpoint's recording is a file there
    with System.load(CHECKPOINT, calibration=calibration_file) as first:
        own, planned = plans(first, asked), plans(first, asked, cost_usd=5e-4)
        first.save_pretrained(tmp_path / "both")
    with System.from_pretrained(tmp_path / "both") as again:
        assert plans(again, asked) == own
        assert plans(again, asked, cost_usd=5e-4) == planned


def test_what_a_policy_was_taught_is_kept(
    calibration_file: str, asked: list[Query], tmp_path: Path
) -> None:
    """Records beside the weights, operating points, and a budget that was asked for meanwhile."""
    experiment = build(
        [CONFIG, "modes/plan_net.yaml"],
        [*QUIET, f"--trainer.default_root_dir={tmp_path}", "--trainer.max_steps=1",
         "--trainer.limit_val_batches=0", "--trainer.enable_checkpointing=false",
         "--trainer.callbacks=abgnn.training.Teacher",
         f"--trainer.callbacks.calibration={calibration_file}", "--trainer.callbacks.steps=5"],
    )  # fmt: skip
    experiment.fit()
    experiment.trainer.save_checkpoint(tmp_path / "net.ckpt")
    with System.load(tmp_path / "net.ckpt") as first:
        assert first.budget_kind == "taught"
        own = plans(first, asked)
        cheap = plans(first, asked, cost_usd=4e-4)
        first.save_pretrained(tmp_path / "taught")  # while the policy is at another point
    assert (tmp_path / "taught" / "state.json").exists()
    with System.from_pretrained(tmp_path / "taught") as again:
        assert again.budget_kind == "taught"
        assert plans(again, asked) == own
        assert plans(again, asked, cost_usd=4e-4) == cheap
    assert own != cheap


def test_a_class_of_ones_own_needs_leave(
    asked: list[Query], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    Path("my_saved_layers.py").write_text(
        "from abgnn.nn import AgentGate\n\nclass OwnGate(AgentGate):\n    pass\n", encoding="utf-8"
    )
    text = yaml.safe_load(config_path(CONFIG).read_text(encoding="utf-8"))
    args = {"in_channels": 384, "gate": {"class_path": "my_saved_layers.OwnGate"}}
    args["gate"]["init_args"] = {"channels": 64}  # type: ignore[index]
    text["model"]["policy"]["init_args"] = args
    Path("own.yaml").write_text(yaml.safe_dump(text), encoding="utf-8")
    with System.load("own.yaml") as first:
        expected = plans(first, asked)
        first.save_pretrained("own")
    assert json.loads(Path("own/config.json").read_text())["needs"] == ["my_saved_layers"]
    assert "trust=('my_saved_layers',)" in Path("own/README.md").read_text(encoding="utf-8")
    with pytest.raises(ConfigError, match=r"gate: got 'my_saved_layers.OwnGate'.*trust="):
        System.from_pretrained("own")
    with System.from_pretrained("own", trust=["my_saved_layers"]) as again:
        assert plans(again, asked) == expected


def test_a_framework_with_a_policy_that_reads_no_question(tmp_path: Path) -> None:
    text = yaml.safe_load(config_path(CONFIG).read_text(encoding="utf-8"))
    text["model"]["mas"]["framework"] = {"class_path": "abgnn.frameworks.Debate"}
    roles = ["Mathematician", "Historian"]
    args = {"backbone": "Qwen3-8B", "roles": roles}
    text["model"]["policy"] = {"class_path": "abgnn.models.FixedGraph", "init_args": args}
    path = tmp_path / "debate.yaml"
    path.write_text(yaml.safe_dump(text), encoding="utf-8")
    with System.load(str(path)) as first:
        expected = first.run("What is a quark?")
        first.save_pretrained(tmp_path / "debate")
    with System.from_pretrained(tmp_path / "debate") as again:
        outcome = again.run("What is a quark?")
    assert type(again.deployment.mas.framework).__name__ == "Debate"
    assert (outcome.error, outcome.answer) == (None, expected.answer)
    assert (outcome.plan, outcome.cost) == (expected.plan, expected.cost)


def test_the_command_line_takes_a_folder(
    saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "What is a quark?", "--checkpoint", str(saved)]) == 0
    assert "simulated" in capsys.readouterr().out
    assert SourceFiles(str(saved)).deployment().label == "simulated"
    for flags in (["--config", CONFIG], ["--trust", "os", "--checkpoint", CHECKPOINT]):
        few = ["--checkpoint", str(saved)] if "--config" in flags else []
        assert main(["run", "What is a quark?", *few, *flags]) == 2


def test_the_supervisor_of_workers_refuses_leave_that_nothing_needs() -> None:
    with pytest.raises(ConfigError, match=r"trust \(--trust\): got \('os',\)"):
        SourceFiles(CONFIG, consent=Consent(("os",))).deployment()


def test_a_misspelt_budget_is_refused_for_a_folder_too(saved: Path) -> None:
    with pytest.raises(TypeError, match="cost"):
        System.from_pretrained(saved, cost=0.01)
    System.from_pretrained(saved, local_files_only=True).close()


def test_the_card_says_what_was_certified_and_what_is_simulated(
    simulated: Experiment, tmp_path: Path
) -> None:
    policy = FixedGraph("Qwen3-8B", [simulated.model.mas.template.roles[0].name])
    made = certify_policy(simulated, policy, cost_usd=0.01, subject=f"{tmp_path}/my.yaml")
    path = tmp_path / "certificate.json"
    path.write_text(json.dumps(made.to_dict()), encoding="utf-8")
    with System.load(CONFIG) as system:
        system.save_pretrained(tmp_path / "out", certificate=path, licence="mit")
        with pytest.raises(ConfigError, match="certificate"):
            system.save_pretrained(tmp_path / "no", certificate=config_path(CONFIG))
    assert not (tmp_path / "no").exists()
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    front = yaml.safe_load(card.split("---\n")[1])
    assert front["library_name"] == "abgnn"
    assert (front["license"], "simulated" in front["tags"]) == ("mit", True)
    assert "no evidence about any real" in card
    assert f"| mean cost | 0.01 | {made.findings[0].value:.4g} | {made.verdict} |" in card
    kept = json.loads((tmp_path / "out" / "certificate.json").read_text(encoding="utf-8"))
    assert (kept["verdict"], "subject" in kept) == (made.verdict, False)
    with System.from_pretrained(tmp_path / "out") as again:
        assert again.source.certificate == kept


def test_another_system_takes_the_folders_place(saved: Path, tmp_path: Path) -> None:
    folder = tmp_path / "taken"
    shutil.copytree(saved, folder)
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    (folder / "plan.json").write_text("{}", encoding="utf-8")
    with System.load(CONFIG) as system:
        system.save_pretrained(folder)
    assert sorted(os.listdir(folder)) == sorted([*NAMES, "model.safetensors", "notes.txt"])
    System.from_pretrained(folder).close()


def test_what_only_this_machine_has_is_refused_before_anything_is_written(
    mas: BaseMAS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = yaml.safe_load(config_path(CONFIG).read_text(encoding="utf-8"))
    text["model"]["client"] = {
        "class_path": "abgnn.rollout.RecordedClient",
        "init_args": {"path": str(ROOT / "tests" / "fixtures" / "v0_1" / "recording.sqlite")},
    }
    Path("recorded.yaml").write_text(yaml.safe_dump(text), encoding="utf-8")
    source = System.load(CONFIG).source
    wrong = replace(source, model=text["model"])
    with pytest.raises(ConfigError, match=r"no path|reads files"):
        save(wrong)
    with pytest.raises(ConfigError, match="made in Python"):
        save(replace(source, model=None))
    assert source.trained is not None
    monkeypatch.setenv("SILICONFLOW_API_KEY", "sk-a-secret-of-the-saver")
    leaking = source.trained.mas.with_catalogue(
        replace(mas.catalogue, priced="sk-a-secret-of-the-saver")
    )
    with pytest.raises(ConfigError, match="the value of SILICONFLOW_API_KEY") as told:
        save(replace(source, trained=replace(source.trained, mas=leaking)))
    assert "sk-a" not in str(told.value)
    keyed = replace(mas.catalogue.backbones[0], extra_body={"api_key": "sk-another"})
    other = replace(mas.catalogue, backbones=(keyed, *mas.catalogue.backbones[1:]))
    with pytest.raises(ConfigError, match="extra_body") as told:
        save(replace(source, trained=replace(source.trained, mas=mas.with_catalogue(other))))
    assert "sk-another" not in str(told.value)
    assert not Path("out").exists()


def save(source: PolicySource) -> None:
    with System(source) as system:
        system.save_pretrained("out")


CONFIGS = [*sorted(config_root().glob("baselines/*.yaml")), *config_root().glob("ablations/*.yaml")]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_packaged_policy_is_built_without_memory_first(path: Path) -> None:
    """What `build_and_load` does before it allocates anything works for all of them."""
    model = yaml.safe_load(path.read_text(encoding="utf-8"))["model"]
    policy = model.get("policy")
    if policy is None:
        pytest.skip("it changes no policy")
    if "class_path" not in policy:
        policy = {"class_path": "abgnn.models.AgentBalance", **policy}
    words = ("Qwen3-8B", "gpt-4o-mini")
    with torch.device("meta"):
        made = Builder(PARTS, (), words).build(policy, "policy", Policy)  # type: ignore[type-abstract]
    assert all(p.is_meta for p in made.parameters())
    assert isinstance(made, AgentBalance) == policy["class_path"].endswith("Balance")
