"""Completion scripts: what a real shell offers with them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from abgnn.cli.main import SHELLS, main
from abgnn.cli.table import COMMANDS


def script(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["--print-completion", shell]) == 0
    return capsys.readouterr().out


def offered(file: Path, *words: str) -> list[str]:
    """What bash offers for the last word."""
    line = " ".join(f"'{word}'" for word in words)
    code = f"source {file}; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; "
    code += '_shtab_abgnn; printf "%s\\n" "${COMPREPLY[@]}"'
    run = ["bash", "--norc", "-c", code]
    ran = subprocess.run(run, capture_output=True, text=True, cwd=file.parent, check=True)
    return ran.stdout.split()


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "abgnn.bash"
    file.write_text(script("bash", capsys), encoding="utf-8")
    assert set(offered(file, "abgnn", "")) >= {command.name for command in COMMANDS}
    assert offered(file, "abgnn", "calib") == ["calibrate"]
    assert "--rollouts" in offered(file, "abgnn", "calibrate", "--")
    assert "--cost" not in offered(file, "abgnn", "calibrate", "--")
    assert offered(file, "abgnn", "fit", "--config", "simulated/g") == ["simulated/general.yaml"]
    assert offered(file, "abgnn", "plan", "abg") == ["abgnn.bash"]
    assert "--head" in offered(file, "abgnn", "difficulty", "eval", "--")


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_has_a_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = script(shell, capsys)
    assert all(command.name in text for command in COMMANDS)
    checks = {"bash": ["bash", "-n"], "zsh": ["zsh", "-n"], "fish": ["fish", "-n"]}
    if shell in checks and shutil.which(shell):
        ran = subprocess.run(checks[shell], input=text, text=True, capture_output=True)
        assert ran.returncode == 0, ran.stderr


def test_another_shell(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--print-completion", "sh"]) == 2
    assert "'bash'" in capsys.readouterr().err
