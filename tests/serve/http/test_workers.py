"""Several workers behind one socket: what they count together, and what a killed one costs."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.paths import ROOT

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
pytest.importorskip("fcntl")

import urllib.request
from urllib.error import HTTPError

from abgnn.cli.main import main
from abgnn.data.catalogue import Catalogue
from abgnn.errors import EndpointError
from abgnn.experiments.trained import Trained
from abgnn.graph.base_mas import BaseMAS
from abgnn.models import FixedGraph
from abgnn.planning.plan_file import FORMAT
from abgnn.rollout import OpenAIClient
from abgnn.serve.http.shared_places import SharedPlaces
from abgnn.serve.policy_source import PolicySource
from abgnn.serve.system import System
from tests.rollout.helpers import backbone
from tests.serve.http.helpers import ask
from tests.serve.http.test_whole import command
from tests.servers.fixtures import Server, spawned


@contextmanager
def other(code: str, *arguments: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """A Python process that has printed its first line."""
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env={**os.environ, **variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def test_places_are_counted_over_processes_and_free_when_one_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "places"
    code = (
        "import sys, pathlib; from abgnn.serve.http.shared_places import SharedPlaces\n"
        "places = SharedPlaces(pathlib.Path(sys.argv[1]))\n"
        "assert [places.enter(2) for _ in range(3)] == [True, True, False]\n"
        "print('ready', flush=True); sys.stdin.read()"
    )
    with other(code, str(path)) as process:
        places = SharedPlaces(path)
        assert not places.enter(2)
        assert [places.enter(4) for _ in range(3)] == [True, True, False]
        places.leave()
        assert places.enter(4)
        process.kill()
        process.wait()
    assert [places.enter(4) for _ in range(3)] == [True, True, False]


def test_metrics_are_sums_over_processes_and_the_dead_are_not_in_flight(tmp_path: Path) -> None:
    code = (
        "import sys; from abgnn.serve.http.metrics import Metrics\n"
        "made = Metrics('live'); made.answered(200); made.in_flight.inc()\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "print(made.text().decode(), flush=True)"
    )
    folder = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    with other(code, **folder) as first, other(code, **folder) as second:
        assert first.stdin is not None
        first.stdin.write("\n")
        first.stdin.flush()
        assert first.stdout is not None
        text = "".join(line for line in first.stdout)  # it ends after this
        first.wait()
        assert 'abgnn_requests_total{status="200"} 2.0' in text
        assert "abgnn_in_flight 2.0" in text
        later, _ = second.communicate("\n")
    assert 'abgnn_requests_total{status="200"} 2.0' in later
    assert "abgnn_in_flight 1.0" in later


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (["--workers", "2", "--max-usd", "1"], "rollout.recording.path"),
        (["--workers", "0"], "--workers"),
        (["--workers", "2", "--plan", "nowhere.json"], "nowhere.json"),
    ],
)
def test_options_that_are_wrong(
    arguments: list[str], field: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", "--config", "simulated/general.yaml", "--port", "0", *arguments]) == 2
    assert field in capsys.readouterr().err


def test_a_worker_waits_for_an_endpoint_that_was_there_when_all_started(
    mas: BaseMAS, caplog: pytest.LogCaptureFixture
) -> None:
    nobody = backbone("small", base_url="http://127.0.0.1:9/v1")  # discard: nothing listens
    policy = FixedGraph("small", ["Critic"])
    trained = Trained(policy, mas.with_catalogue(Catalogue((nobody,))), OpenAIClient())
    source = PolicySource(trained.deployment, trained)
    with pytest.raises(EndpointError):
        System(source)
    System(source, processes=2).close()
    assert "does not answer" in caplog.text


def files(folder: Path, url: str, run_usd: float) -> list[str]:
    """Arguments for a lone agent on one LLM of the stub's, by a plan file: quick to load."""
    config = {
        "model": {
            "mas": {"domain": "math", "role_set": "roles/calculator.yaml", "n_pools": 1,
                    "catalogue": str(folder / "catalogue.yaml")},
            "client": {"class_path": "abgnn.rollout.OpenAIClient", "init_args": {"timeout_s": 60}},
            "rollout": {"caps": {"run_usd": run_usd},
                        "recording": {"path": str(folder / "calls.sqlite")}},
        }
    }  # fmt: skip
    backbone = {
        **{"name": "small", "model": "small", "active_params_b": 8.0},
        **{"price_in": 1.0, "price_out": 4.0, "type": "standard", "max_tokens": 64},
        **{"benchmarks": {"math": {"GSM8K": 80.0}}},
    }
    catalogue = {
        "currency": "USD",
        "source": "a stub",
        "defaults": {"base_url": url, "max_concurrency": 64, "family": "stub"},
        "backbones": [backbone],
    }
    part = {"share": 1.0, "agents": [["Calculator", "small"]], "edges": [], "decision": None}
    plan = {"format": FORMAT, "parts": [part]}
    for name, data in (("config.yaml", config), ("catalogue.yaml", catalogue), ("plan.json", plan)):
        (folder / name).write_text(json.dumps(data))  # JSON is YAML
    return ["--plan", str(folder / "plan.json"), "--config", str(folder / "config.yaml")]


def answer(url: str, question: str) -> int:
    """The HTTP status of an answer; 0: the connection was lost."""
    body = json.dumps(ask(question)).encode()
    request = urllib.request.Request(f"{url}/chat/completions", body, {"Connection": "close"})
    try:
        with urllib.request.urlopen(request, timeout=120) as reply:
            return int(reply.status)
    except HTTPError as error:
        return error.code
    except OSError:
        return 0


def listens(url: str) -> bool:
    try:
        with urllib.request.urlopen(url.replace("/v1", "/healthz"), timeout=60) as reply:
            return bool(reply.read())
    except OSError:
        return False


def rows(folder: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(folder / "calls.sqlite", timeout=30)) as file:
        return file.execute(query).fetchall()


def until(holds: Callable[[], bool]) -> None:
    while not holds():
        time.sleep(0.02)


def workers_of(folder: Path) -> list[int]:
    """The processes that have calls under way, by the recording."""
    owners = rows(folder, "SELECT DISTINCT owner FROM attempts WHERE state = 'open'")
    return [int(owner.split(" ")[2]) for (owner,) in owners]


def held(pool: ThreadPoolExecutor, url: str, stub: Server, names: str) -> list[Future[int]]:
    """Questions that the provider has and does not answer yet."""
    before = len(stub.log())
    questions = [pool.submit(answer, url, f"{name}?") for name in names]
    until(lambda: len(stub.log()) == before + len(names))
    return questions


@pytest.mark.slow
@pytest.mark.timing
@pytest.mark.timeout(900)
def test_a_cap_holds_over_two_workers(tmp_path: Path) -> None:
    cap = 0.004
    with spawned("--delay", "0.01") as stub:
        arguments = files(tmp_path, stub.base_url, cap)
        with command(*arguments, "--workers", "2") as (_, url), ThreadPoolExecutor(16) as pool:
            codes = list(pool.map(lambda i: answer(url, f"Question {i}?"), range(80)))
        log = stub.log()
    assert set(codes) == {200, 422}
    charged = sum(line["prompt_tokens"] + 4 * line["completion_tokens"] for line in log)
    [(committed,)] = rows(tmp_path, "SELECT SUM(spent + uncertain + reserved + lost) FROM accounts")
    assert committed == charged * 10**6  # picodollars
    assert 0.8 * cap < committed / 1e12 <= cap
    assert len(rows(tmp_path, "SELECT DISTINCT owner FROM attempts")) == 2


@pytest.mark.slow
@pytest.mark.timing
@pytest.mark.timeout(900)
def test_a_killed_worker_loses_its_own_questions_only_and_sigterm_lets_the_rest_finish(
    tmp_path: Path,
) -> None:
    with spawned("--delay", "0.01", "--slots", "0") as stub:
        arguments = files(tmp_path, stub.base_url, 100.0)
        with (
            command(*arguments, "--workers", "2") as (process, url),
            ThreadPoolExecutor(16) as pool,
        ):
            questions = held(pool, url, stub, "abcdefgh")
            killed = workers_of(tmp_path)[0]
            its = rows(tmp_path, f"SELECT 1 FROM attempts WHERE owner LIKE '% {killed} %'")
            os.kill(killed, signal.SIGKILL)
            until(lambda: sum(a.done() for a in questions) == len(its))
            stub.change(slots=None)
            codes = [a.result() for a in questions]
            assert sorted(codes) == [0] * len(its) + [200] * (8 - len(its))
            until(lambda: rows(tmp_path, "SELECT SUM(lost) FROM accounts") != [(0,)])
            [(lost, reserved)] = rows(tmp_path, "SELECT SUM(lost), SUM(reserved) FROM accounts")
            [(worst,)] = rows(tmp_path, "SELECT SUM(reserved) FROM attempts WHERE state = 'lost'")
            assert (lost, reserved) == (worst, 0)
            stub.change(slots=0)
            last = held(pool, url, stub, "ijkl")
            process.send_signal(signal.SIGTERM)
            until(lambda: not listens(url))
            stub.change(slots=None)
            assert [a.result() for a in last] == [200] * 4
            assert process.wait(60) == 0
        booked = len(rows(tmp_path, "SELECT 1 FROM attempts WHERE state <> 'lost'"))
        assert booked + len(its) == len(stub.log())


@pytest.mark.slow
@pytest.mark.timing
def test_what_only_a_worker_can_see_to_be_wrong_stops_all(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with spawned() as stub:
        arguments = files(tmp_path, stub.base_url, 100.0)
        plan = json.loads((tmp_path / "plan.json").read_text())
        plan["parts"][0]["agents"] = [["Nobody", "small"]]
        (tmp_path / "plan.json").write_text(json.dumps(plan))
        command_line = [sys.executable, "-m", "abgnn", "serve", "--port", "0", "--workers", "2"]
        done = subprocess.run(
            [*command_line, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )
    assert done.returncode == 2
    assert "role" in done.stderr
    assert "Nobody" in done.stderr
    assert "serving" not in done.stdout
    assert "Traceback" not in done.stderr
