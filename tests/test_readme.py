"""What the README shows is run."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from abgnn.cli.main import main
from abgnn.cli.table import COMMANDS
from abgnn.data.catalogue import Catalogue
from tests.paths import ROOT

pytestmark = pytest.mark.usefixtures("elsewhere")

README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(language: str, containing: str) -> str:
    found = [b for b in re.findall(rf"```{language}\n(.*?)```", README, re.S) if containing in b]
    assert len(found) == 1, containing
    return str(found[0])


def test_own_layer(tmp_path: Path) -> None:
    (tmp_path / "my_layers.py").write_text(block("python", "class DeepGate"))
    (tmp_path / "deep_gate.yaml").write_text(block("yaml", "DeepGate"))
    args = ["--config", "simulated/general.yaml", "--config", "deep_gate.yaml"]
    assert main(["fit", *args, "--data.init_args.n_train=4"]) == 0


def test_python_example(capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(block("python", "plans[0]"), "README.md", "exec"), {})
    assert "flowchart LR" in capsys.readouterr().out


def test_system_example(capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(block("python", "from abgnn import System"), "README.md", "exec"), {})
    assert "answer)" in capsys.readouterr().out


def test_client_example(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("starlette")
    from abgnn.serve.system import System
    from tests.serve.http.helpers import served

    code = block("python", 'extra_body={"abgnn"')
    with served(System.load("simulated/general.yaml")) as server:
        exec(compile(code.replace("http://127.0.0.1:8000/v1", server.url), "README.md", "exec"), {})
    out = capsys.readouterr().out
    assert "answer)" in out
    assert "'agents'" in out


def test_ready_systems_example(capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(block("python", "net.vanilla"), "README.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[0] == "25"  # 1 source, 10 edges, 3 mergers, and the decision


def test_catalogue_example(tmp_path: Path) -> None:
    (tmp_path / "my_llms.yaml").write_text(block("yaml", "my_llms.yaml"))
    catalogue = Catalogue.from_yaml(tmp_path / "my_llms.yaml")
    assert catalogue.names == ("small", "large-thinking")
    assert catalogue["small"].api_key_env == "EXAMPLE_KEY"


def test_named_scripts_and_commands_exist() -> None:
    scripts = set(re.findall(r"`?(scripts/[\w/]+)", README))
    assert {"scripts/quickstart", "scripts/test", "scripts/live"} <= scripts
    for script in scripts:
        assert os.access(ROOT / script, os.X_OK), script
    commands = set(re.findall(r"abgnn (\w+)", README))
    assert commands <= {command.name for command in COMMANDS} | {"learns", "import"}
