"""Folders that somebody has tampered with: refused, nothing executed, nothing read outside."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from abgnn import System
from abgnn.errors import ConfigError
from abgnn.models.plain_state import from_plain
from abgnn.serve.pretrained import files
from tests.serve.pretrained.conftest import Spoil

Spoiler = Callable[[Spoil], Path]


@pytest.fixture
def copy(saved: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "copy"
    shutil.copytree(saved, folder)
    return folder


def refuse(folder: Path, match: str) -> str:
    with pytest.raises(ConfigError, match=match) as told:
        System.from_pretrained(folder)
    assert len(str(told.value)) < 4000
    return str(told.value)


class Bomb:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (os.mkdir, (str(self.path),))


@pytest.mark.parametrize("name", ["model.ckpt", "pytorch_model.bin", "a.PT", "x.pkl", "run.py"])
def test_pickles_and_programs_are_refused(copy: Path, tmp_path: Path, name: str) -> None:
    (copy / name).write_bytes(pickle.dumps(Bomb(tmp_path / "ran")))
    refuse(copy, "no pickles or programs")
    assert not (tmp_path / "ran").exists()


def test_a_pickle_under_the_name_of_the_weights(copy: Path, tmp_path: Path) -> None:
    (copy / "model.safetensors").write_bytes(pickle.dumps(Bomb(tmp_path / "ran")))
    refuse(copy, "a safetensors file")
    torch.save({"x": torch.zeros(1)}, copy / "model.safetensors")
    refuse(copy, "a safetensors file")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "README.md"])
def test_links_out_of_the_folder(copy: Path, tmp_path: Path, name: str) -> None:
    secret = tmp_path / "secret.json"
    (copy / name).rename(secret)
    (copy / name).symlink_to(secret)
    told = refuse(copy, "no link out of the folder")
    assert "secret" not in told
    (copy / name).unlink()
    (copy / name).symlink_to(copy / name)  # in a circle
    refuse(copy, "a file that can be read")
    (copy / name).unlink()
    (copy / name).symlink_to("gone")
    refuse(copy, "a file that can be read")


def test_a_folder_that_poses_as_the_hubs_cache(saved: Path, tmp_path: Path) -> None:
    folder = tmp_path / "snapshots" / "x"
    shutil.copytree(saved, folder)
    (folder / "config.json").rename(tmp_path / "private.json")
    (folder / "config.json").symlink_to(tmp_path / "private.json")
    refuse(folder, "no link out of the folder")


def test_a_link_within_the_folder_is_a_file_like_any_other(copy: Path) -> None:
    (copy / "model.safetensors").rename(copy / "blob")
    (copy / "model.safetensors").symlink_to("blob")
    System.from_pretrained(copy).close()


def test_what_is_no_plain_file(copy: Path) -> None:
    (copy / "config.json").unlink()
    os.mkfifo(copy / "config.json")  # reading it would wait for ever
    refuse(copy, "a plain file")
    (copy / "config.json").unlink()
    (copy / "config.json").mkdir()
    refuse(copy, "a plain file")


def test_large_files_are_refused_unread(
    copy: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with (copy / "config.json").open("r+b") as file:
        file.truncate(2**33)  # sparse: 8 GiB that nobody has
    refuse(copy, "bytes of config.json: got 8589934592; allowed: at most 4194304")
    with (copy / "config.json").open("r+b") as file:
        file.truncate(0)
    refuse(copy, "a JSON object")
    shutil.copytree(copy, tmp_path / "more")
    monkeypatch.setitem(files.MOST_BYTES, "model.safetensors", 1000)  # type: ignore[index]
    refuse(tmp_path / "more", "bytes of model.safetensors")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("[" * 100_000, "a JSON object"),
        ('{"a":' * 60 + "1" + "}" * 60, "at most 40 levels"),
        ("[]", "a JSON object"),
        ('{"format": ' + "9" * 10_000 + "}", "a JSON object"),
        ("\xff\xfe", "format|a JSON object"),
        ('{"format": "abgnn system 9"}', "allowed: 'abgnn system 1'"),
    ],
    ids=["deep", "deeper", "list", "digits", "bytes", "version"],
)
def test_json_that_is_none_of_ours(copy: Path, text: str, match: str) -> None:
    (copy / "config.json").write_text(text, encoding="latin-1")
    refuse(copy, match)


@pytest.mark.parametrize(
    "path",
    [
        "os.system",
        "subprocess.Popen",
        "abgnn.rollout.clients.local_server.subprocess.Popen",
        "abgnn.models.policy.Path",
        "abgnn.nn.agent_gate.torch.nn.Linear",
        "abgnn.models.agent_balance.nn.Linear",
        "abgnn.serve.system.System",
        "abgnn.rollout.LocalClient",
        "abgnn.cli.main.main",
        "abgnn.models.__init__.AgentBalance",
        "../../evil.Policy",
        "abgnn.models.NoSuchPolicy",
        "abgnn.models.sampling.categorical_entropy",
        "",
        ["os", "system"],
    ],
    ids=str,
)
@pytest.mark.parametrize("field", ["policy", "gate", "client", "framework"])
def test_classes_that_a_field_does_not_need(spoilt: Spoiler, path: Any, field: str) -> None:
    def change(config: dict[str, Any]) -> None:
        value = {"class_path": path, "init_args": {"args": ["touch", "ran"]}}
        if field == "gate":
            config["policy"]["init_args"]["gate"] = value
        else:
            config[field] = value

    if (path, field) == ("abgnn.rollout.LocalClient", "client"):
        pytest.skip("a client of ours")
    refuse(spoilt(change), rf"config.json: .*{field}")


def test_a_module_in_the_current_folder_is_not_imported(
    spoilt: Spoiler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    Path("evil_module.py").write_text("open('ran', 'w')\n", encoding="utf-8")

    def change(config: dict[str, Any]) -> None:
        config["policy"]["init_args"]["gate"] = {"class_path": "evil_module.Gate"}
        config["client"] = {"class_path": "abgnn.rollout.SimulatedClient"}

    refuse(spoilt(change), "trust=")
    with pytest.raises(ConfigError, match="evil_module"):
        System.from_pretrained(tmp_path / "spoilt", trust=["another"])
    assert "evil_module" not in sys.modules
    assert not Path("ran").exists()


@pytest.mark.parametrize("value", ["/etc/passwd", "../up.yaml", "~/x", "a\\b", "own.json", "x/y"])
def test_arguments_are_no_paths(spoilt: Spoiler, value: str) -> None:
    def change(config: dict[str, Any]) -> None:
        config["policy"] = {"class_path": "abgnn.models.PlannedMixture"}
        config["policy"]["init_args"] = {"path": value}

    refuse(spoilt(change), "no path")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda c: c.pop("catalogue"), "config.json: catalogue"),
        (lambda c: c["catalogue"]["backbones"][0].update(price_in=-1), "price_in"),
        (lambda c: c["catalogue"]["backbones"][0].update(key="x"), "catalogue"),
        (lambda c: c["catalogue"].update(backbones="x" * 10_000), "catalogue"),
        (lambda c: c["template"].update(edges=[[0, 99]]), "template"),
        (lambda c: c["template"]["roles"][0].update(prompt=""), "prompt"),
        (lambda c: c["pools"].update(members=[[77]]), "pools"),
        (lambda c: c["rollout"].update(recording={"path": "/tmp/x.sqlite"}), "rollout"),
        (lambda c: c["rollout"].update(telemetry={"endpoint": "http://evil"}), "rollout"),
        (lambda c: c["rollout"].update(trace="/tmp/trace"), "rollout"),
        (lambda c: c["rollout"]["caps"].update(query_usd="all"), "rollout"),
        (lambda c: c.update(max_in_flight="many"), "max_in_flight"),
        (lambda c: c.update(encoder="/etc"), "encoder"),
        (lambda c: c.update(encoder="somebody/encoder"), "encoder"),
        (lambda c: c.update(encoder="sentence-transformers/../../etc"), "encoder"),
        (lambda c: c.update(encoder=["offline"]), "encoder"),
        (lambda c: c["policy"]["init_args"].update(channels=10**7), "numbers in the policy"),
        (lambda c: c["policy"]["init_args"].update(channels=10**300), "a number from"),
        (lambda c: c["policy"]["init_args"].update(channels=10**400), "policy"),
        (lambda c: c["policy"]["init_args"].update(channels=32), "model.safetensors"),
        (lambda c: c["policy"]["init_args"].update(nothing=1), "arguments that"),
        (lambda c: c["policy"].update(args={}), "class_path, and perhaps"),
        (lambda c: c.update(policy="abgnn.models.AgentBalance"), "class_path, and perhaps"),
        (lambda c: c.update(tradeoff=["x"]), "tradeoff"),
        (lambda c: c.update(policy=None), "a policy, a plan or a calibration"),
    ],
)
def test_configs_that_say_what_they_may_not(spoilt: Spoiler, change: Spoil, match: str) -> None:
    refuse(spoilt(change), match)


def test_weights_of_another_kind(copy: Path) -> None:
    path = copy / "model.safetensors"
    tensors = load_file(path)
    name = next(iter(tensors))
    save_file({**tensors, name: tensors[name].double()}, path)
    refuse(copy, "torch.float64; allowed: torch.float32|torch.float64'; allowed")
    save_file({**tensors, name: torch.zeros(3)}, path)
    refuse(copy, "its policy's state")
    save_file({k: v for k, v in tensors.items() if k != name}, path)
    refuse(copy, "its policy's state")
    path.write_bytes(b"\xff" * 7 + b"\x7f" + b"{}")  # a header of 2**63 bytes
    refuse(copy, "a safetensors file")


def test_records_of_other_peoples_classes(copy: Path) -> None:
    state = {"start.beliefs": {"class": "subprocess.Popen", "args": ["touch", "ran"]}}
    (copy / "state.json").write_text(json.dumps(state), encoding="utf-8")
    refuse(copy, r"state.json: class: got 'subprocess.Popen'")
    state = {"start.beliefs": {"x": {"tensor": "nowhere"}}}
    (copy / "state.json").write_text(json.dumps(state), encoding="utf-8")
    refuse(copy, r"state.json: tensor")


def test_a_checkpoints_records_import_nothing_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "evil_record.py").write_text("raise SystemExit('ran')\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="of a loaded module"):
        from_plain({"class": "evil_record.Record"})


@pytest.mark.parametrize("name", ["plan.json", "calibration.json", "certificate.json"])
@pytest.mark.parametrize(
    "text", ["{}", "[]", "{", '{"format": "abgnn plan 1"}', '{"format": "abgnn calibration 2"}']
)
def test_plans_and_calibrations_that_are_none(copy: Path, name: str, text: str) -> None:
    (copy / name).write_text(text, encoding="utf-8")
    refuse(copy, name.partition(".")[0])


def test_no_saved_system(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    refuse(tmp_path / "empty", "a folder of `System.save_pretrained`")
    for wrong in ("no/such/folder/at/all", "../up", "a b"):
        with pytest.raises(ConfigError, match="a folder, or an id on the hub"):
            System.from_pretrained(wrong)
