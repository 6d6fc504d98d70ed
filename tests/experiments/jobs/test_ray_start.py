"""`--ray` before any job runs: what is sent to a node, addresses where nobody is, no library."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import find_spec
from pathlib import Path

import pytest

from abgnn.cli.main import main
from abgnn.errors import ConfigError
from abgnn.experiments.jobs.ray_address import SECONDS, check_address
from abgnn.experiments.jobs.ray_files import named_files, stage

pytestmark = pytest.mark.usefixtures("elsewhere")

CALIBRATE = ("calibrate", "--config", "simulated/general.yaml", "--rollouts", "4")


def written(name: str, text: str) -> str:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return name


def test_a_node_gets_code_modules_and_the_files_that_configs_name(tmp_path: Path) -> None:
    written(".env", "OPENAI_API_KEY=sk-secret")
    written("notes.yaml", "password: hunter2")
    written("my_layers.py", "class MyGate: ...")
    written("mine/__init__.py", "")
    written("mine/deep/gate.py", "")
    written("mine/.env", "OPENAI_API_KEY=sk-secret")
    written("data/asked.jsonl", "{}")
    written("llms.yaml", "backbones: []")
    written("runs/calls.sqlite", "recorded")
    written("over.yaml", "model: {mas: {catalogue: llms.yaml}, trace: notes.yaml,"
            " rollout: {recording: {path: runs/calls.sqlite}}}")  # fmt: skip
    written("job.yaml", "fit: [simulated/general.yaml, over.yaml]\nout: runs")
    node = tmp_path / "node"
    stage(["--config", "job.yaml", "--path=data/asked.jsonl"], node)
    mine = {p.relative_to(node).as_posix() for p in node.rglob("*") if p.is_file()}
    code = {name for name in mine if name.startswith(("abgnn/", "datamodules/"))}
    assert mine - code == {
        *("job.yaml", "over.yaml", "llms.yaml", "data/asked.jsonl", "my_layers.py"),
        *("mine/__init__.py", "mine/deep/gate.py"),
    }
    assert {"abgnn/configs/simulated/general.yaml", "abgnn/errors.py"} < code
    assert "datamodules/data/quick_qa.yaml" in code
    assert not [name for name in code if "__pycache__" in name]


def test_files_that_lie_elsewhere_are_not_taken() -> None:
    absolute = Path(written("a.yaml", "x: 1")).resolve()
    assert named_files([str(absolute), "../a.yaml", "simulated/general.yaml"]) == []
    assert named_files([f"--config={written('b.yaml', 'y: a.yaml')}"]) == [
        *(Path("a.yaml"), Path("b.yaml"))
    ]


@pytest.mark.parametrize("flag", [True, False])
def test_no_password_is_sent_or_shown(flag: bool) -> None:
    url = "postgresql://me:hunter2@db:5432/calls"
    name = f"--model.rollout.recording.path={url}"
    if not flag:
        name = written("db.yaml", f"model: {{rollout: {{recording: {{path: '{url}'}}}}}}")
    with pytest.raises(ConfigError, match=r"PGPASSWORD") as error:
        named_files(["--config", name])
    assert "hunter2" not in str(error.value)
    assert flag or error.value.field == "db.yaml: model.rollout.recording.path"


def test_without_ray_the_field_and_the_command_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main([*CALIBRATE, "--ray", "head:6379"]) == 2
    told = capsys.readouterr().err
    assert "--ray: got 'head:6379'" in told
    assert 'pip install "abgnn[ray]"' in told
    assert not list(Path().rglob("*.json"))


def test_jobs_and_ray_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*CALIBRATE, "--ray", "--jobs", "2"]) == 2
    assert "--jobs: got 2" in capsys.readouterr().err


class _Page(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def listening(kind: str) -> Iterator[int]:
    """A port: nobody there, somebody silent, or a web server."""
    if kind == "web":
        server = HTTPServer(("127.0.0.1", 0), _Page)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        server.server_close()
        return
    with closing(socket.socket()) as bound:
        bound.bind(("127.0.0.1", 0))
        if kind == "silent":
            bound.listen()
        yield bound.getsockname()[1]


@pytest.mark.parametrize("kind", ["nobody", "silent", "web"])
def test_an_address_without_a_cluster_is_an_error(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("abgnn.experiments.jobs.ray_address.SECONDS", 0.2)
    with listening(kind) as port, pytest.raises(ConfigError, match="--ray: got"):
        check_address(f"127.0.0.1:{port}")


def test_no_address_is_tried_for_long() -> None:
    assert 2 * SECONDS <= 6  # connecting, and the greeting


@pytest.mark.parametrize(
    "address", ["nonsense", "head:port", "ray://head:1", "me:secret@head:6379"]
)
def test_what_is_no_address_is_an_error(address: str) -> None:
    with pytest.raises(ConfigError, match="--ray: got") as error:
        check_address(address)
    assert "hunter2" not in str(error.value)


@pytest.mark.skipif(find_spec("ray") is None, reason="extra `ray` is missing")
def test_a_command_stops_where_no_cluster_is(capsys: pytest.CaptureFixture[str]) -> None:
    with listening("nobody") as port:
        assert main([*CALIBRATE, "--ray", f"127.0.0.1:{port}"]) == 2
    assert f"--ray: got '127.0.0.1:{port}'" in capsys.readouterr().err
