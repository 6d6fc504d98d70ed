"""Completion scripts: what a real shell offers with them."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import time
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


class Terminal:
    """An interactive shell on a terminal of its own, with a home of its own."""

    def __init__(self, home: Path, *command: str) -> None:
        self._end, theirs = pty.openpty()
        env = {"HOME": str(home), "PATH": os.environ["PATH"], "TERM": "xterm", "LANG": "C.UTF-8"}
        streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
        self._process = subprocess.Popen(
            command, env=env, cwd=home, start_new_session=True, **streams
        )
        os.close(theirs)
        self._seen = ""

    def type(self, text: str) -> None:
        """As a person does, without waiting."""
        self._seen = ""
        os.write(self._end, text.encode())

    def shows(self, pattern: str) -> str:
        """What is on the terminal once it matches; fails after two minutes."""
        last = time.monotonic() + 120
        while not re.search(pattern, self._seen):
            ready, _, _ = select.select([self._end], [], [], max(0.0, last - time.monotonic()))
            assert ready, f"{pattern} is not in {self._seen!r}"
            new = os.read(self._end, 65536).decode(errors="replace")
            self._seen += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[=>]|\r", "", new)
        return self._seen

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._end)


def installed(
    shell: str, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[Path, str]:
    """The file that `--install-completion` has written, and what it said else."""
    monkeypatch.setenv("HOME", str(home))
    moved = ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "BASH_COMPLETION_USER_DIR", "ZDOTDIR")
    for name in moved:
        monkeypatch.delenv(name, raising=False)
    assert main(["--install-completion", shell]) == 0
    first, _, more = capsys.readouterr().out.strip().partition("\n")
    path = Path(first.partition(": ")[0])
    assert home in path.parents
    return path, more.partition(": ")[2]


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize("way", ["sourced", "bash-completion"])
def test_tab_completes_in_bash(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A key press in an interactive bash, after what the command said to do."""
    loader = Path("/usr/share/bash-completion/bash_completion")
    if way == "bash-completion" and not loader.is_file():
        pytest.skip("needs the package bash-completion")
    path, command = installed("bash", tmp_path, monkeypatch, capsys)
    if way == "sourced":
        subprocess.run(["bash", "-c", command], env={"HOME": str(tmp_path)}, check=True)
        assert (tmp_path / ".bashrc").read_text(encoding="utf-8") == f". {path}\n"
    else:
        (tmp_path / ".bashrc").write_text(f". {loader}\n", encoding="utf-8")
    shell = Terminal(tmp_path, "bash", "--noprofile", "-i")
    try:
        shell.type("PS1='rea''dy> '; bind 'set bell-style none' 'set enable-bracketed-paste off'\n")
        shell.shows("ready> ")
        shell.type("echo abgnn ca")  # no completion of what is no command of ours
        shell.type("\x15abgnn ca\t\t")
        assert {"calibrate", "cases"} <= set(re.findall(r"\w+", shell.shows(r"calibrate\s+cases")))
        shell.type("l\t")
        shell.shows(r"ibrate ")
        shell.type("--roll\t")
        shell.shows(r"outs ")
    finally:
        shell.close()


@pytest.mark.skipif(shutil.which("fish") is None, reason="needs fish")
def test_fish_completes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the folder that it looks in itself."""
    _, more = installed("fish", tmp_path, monkeypatch, capsys)
    assert not more
    (tmp_path / "abgnn").write_text("#!/bin/sh\n", encoding="utf-8")  # fish wants the command
    (tmp_path / "abgnn").chmod(0o755)
    env = {"HOME": str(tmp_path), "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    ran = subprocess.run(
        ["fish", "-c", "complete --do-complete 'abgnn ca'"],
        env=env, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert {line.partition("\t")[0] for line in ran.stdout.splitlines()} == {"calibrate", "cases"}


@pytest.mark.skipif(shutil.which("zsh") is None, reason="needs zsh")
def test_tab_completes_in_zsh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, line = installed("zsh", tmp_path, monkeypatch, capsys)
    (tmp_path / ".zshrc").write_text(f"{line} -u\nPS1='rea''dy> '\n", encoding="utf-8")
    shell = Terminal(tmp_path, "zsh", "-i")
    try:
        shell.shows("ready> ")
        shell.type("abgnn calib\t")
        shell.shows(r"calibrate ")
    finally:
        shell.close()


def test_a_folder_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))
    monkeypatch.delenv("BASH_COMPLETION_USER_DIR", raising=False)
    assert main(["--install-completion", "bash"]) == 2
    assert "--install-completion: got 'bash'" in capsys.readouterr().err
