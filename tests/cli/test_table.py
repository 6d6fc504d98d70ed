"""One list of commands: help, dispatch, nearest names, README, and how a command is added."""

from __future__ import annotations

import importlib
import re
from importlib.metadata import version
from pathlib import Path

import pytest

import abgnn.cli
from abgnn.cli import table
from abgnn.cli.main import main
from abgnn.cli.table import COMMANDS, Command, commands_table
from tests.paths import ROOT

pytestmark = pytest.mark.usefixtures("elsewhere")

NAMES = [command.name for command in COMMANDS]


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    out = capsys.readouterr().out
    assert f"usage: abgnn {name}" in out
    assert "None" not in out  # no default that says nothing


def test_every_command_file_is_in_the_table() -> None:
    files = {path.stem for path in (ROOT / "abgnn/cli").glob("*.py")} - {"__init__"}
    modules = {name: importlib.import_module(f"abgnn.cli.{name}") for name in files}
    commands = {n for n, m in modules.items() if hasattr(m, "add_arguments") and hasattr(m, "run")}
    assert commands == set(NAMES)
    assert len(NAMES) == len(set(NAMES))


@pytest.mark.parametrize("argv", [[], ["--help"], ["-h"], ["help"]])
def test_help_lists_every_command(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 0
    out = capsys.readouterr().out
    for command in COMMANDS:
        assert re.search(rf"^  {command.name} +{re.escape(command.does)}$", out, re.M)
    assert all(len(line) <= 100 for line in out.splitlines())


def test_help_of_a_command_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", "plan"]) == 0
    assert "usage: abgnn plan" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"abgnn {version('abgnn')}\n"


@pytest.mark.parametrize(
    ("word", "near"), [("fitt", "fit"), ("calibate", "calibrate"), ("recording", "recordings")]
)
def test_a_wrong_command_names_the_nearest(
    word: str, near: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([word]) == 2
    error = capsys.readouterr().err
    assert f"command: got '{word}'" in error
    assert f"did you mean {near}?" in error


def test_a_command_like_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["xyzzy"]) == 2
    error = capsys.readouterr().err
    assert all(name in error for name in NAMES)


def test_readme_shows_the_table() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.search(r"<!-- commands -->\n(.*?)\n<!-- /commands -->", readme, re.S)
    assert shown, "README.md lacks the markers"
    assert shown[1].strip() == commands_table(), "print it anew: python -m abgnn.cli.table"


def test_a_command_is_added_in_two_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the README of this room says: a new file, and a line in the table."""
    recipe = (ROOT / "abgnn/cli/README.md").read_text(encoding="utf-8")
    file, line = re.findall(r"```python\n(.*?)```", recipe, re.S)
    (tmp_path / "count.py").write_text(file, encoding="utf-8")
    monkeypatch.setattr(abgnn.cli, "__path__", [*abgnn.cli.__path__, str(tmp_path)])
    monkeypatch.setattr(table, "COMMANDS", COMMANDS.copy())
    table.COMMANDS.append(eval(line, {"Command": Command}))

    assert main(["count", "--config", "simulated/general.yaml"]) == 0
    assert re.search(r"^\d+ test questions$", capsys.readouterr().out, re.M)
    assert main(["count", "--config", "simulated/general.yaml", "--splt", "val"]) == 2
    assert "did you mean --split?" in capsys.readouterr().err
    assert main(["--help"]) == 0
    assert "how many questions a config has" in capsys.readouterr().out
    assert "| `abgnn count --config NAME` |" in commands_table()
    monkeypatch.setattr("abgnn.cli.completion.COMMANDS", table.COMMANDS)
    assert main(["--print-completion", "bash"]) == 0
    assert "_shtab_abgnn_count_option_strings" in capsys.readouterr().out
