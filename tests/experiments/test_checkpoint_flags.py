"""Flags of the command win over a checkpoint's hyperparameters: another catalogue at test time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from abgnn.cli.main import main
from abgnn.data.catalogue import Catalogue
from abgnn.data.resources import config_path

QUICK = [
    "--trainer.logger=false",
    "--trainer.enable_progress_bar=false",
    "--model.calibration=null",
    "--data.init_args.n_train=4",
    "--data.init_args.n_test=4",
    "--data.init_args.n_val=4",
    "--model.samples=2",
]


def planned(folder: Path) -> set[str]:
    """Backbones of the plans that `predict` has written."""
    lines = (folder / "plans.jsonl").read_text().splitlines()
    return {agent["backbone"] for line in lines for agent in json.loads(line)["agents"]}


def test_another_catalogue_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    args = ["--config", "simulated/general.yaml", *QUICK]
    assert main(["fit", *args, f"--trainer.default_root_dir={tmp_path}"]) == 0
    [checkpoint] = tmp_path.rglob("*.ckpt")
    used = [*args, "--ckpt_path", str(checkpoint)]
    assert main(["predict", *used]) == 0
    before = planned(tmp_path)
    unseen = set(Catalogue.from_yaml(config_path("catalogues/transfer.yaml")).names)
    assert main(["predict", *used, "--model.mas.catalogue", "catalogues/transfer.yaml"]) == 0
    assert before
    assert planned(tmp_path) <= unseen
    assert main(["predict", *used, f"--model.mas.exclude={json.dumps(sorted(before))}"]) == 0
    assert not planned(tmp_path) & (before | unseen)
