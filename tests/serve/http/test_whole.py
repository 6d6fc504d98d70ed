"""The command in its own process, the fault storm through it, and a real LLM behind it."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.paths import ROOT

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

import openai

from abgnn.cli.main import main
from abgnn.experiments.trained import Trained
from abgnn.graph.base_mas import BaseMAS
from abgnn.models import FixedGraph
from abgnn.rollout import Caps, LocalClient, Recording, Retry, RolloutSettings
from abgnn.serve.policy_source import PolicySource
from abgnn.serve.system import System
from tests.rollout.test_storm import SHARES, TIMEOUT_S, books_of, charged
from tests.serve.http.helpers import (
    KEY,
    ask,
    idle,
    left,
    parsed,
    real,
    served,
    whole,
)
from tests.servers.fixtures import running, spawned


@contextmanager
def command(*arguments: str, **variables: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`abgnn serve` in a process of its own, and its address."""
    with subprocess.Popen(
        [sys.executable, "-m", "abgnn", "serve", "--port", "0", *arguments],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if line.startswith("serving at "):
                    assert "(simulated)" in line or "(live)" in line
                    yield process, line.split()[2]
                    break
        finally:
            process.kill()


def test_the_command_serves_until_it_is_told_to_stop() -> None:
    with command("--config", "simulated/general.yaml", "--key-env", "K", K=KEY) as (process, url):
        with openai.OpenAI(base_url=url, api_key=KEY) as client:
            done = client.chat.completions.create(
                model="abgnn", messages=[{"role": "user", "content": "What is a quark?"}]
            )
            assert done.choices[0].message.content
            with pytest.raises(openai.AuthenticationError):
                client.with_options(api_key="sk-wrong").models.list()
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert KEY not in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--host", "0.0.0.0"], "--key-env"),
        (["--key-env", "NOT_SET_ANYWHERE"], "NOT_SET_ANYWHERE"),
        (["--concurrent", "0"], "serve.concurrent"),
        (["--port", "99999"], "--host, --port"),
        (["--cost", "-1"], "cost_usd"),
        (["--plan", "nowhere.json"], "nowhere.json"),
    ],
)
def test_options_that_are_wrong(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", "--config", "simulated/general.yaml", "--port", "0", *arguments]) == 2
    assert said in capsys.readouterr().err


def stormy(mas: BaseMAS, folder: Path, url: str):  # type: ignore[no-untyped-def]
    settings = RolloutSettings(
        recording=Recording(str(folder / "calls.sqlite")),
        caps=Caps(run_usd=100.0),
        retry=Retry(attempts=3, base_s=0.01, max_s=0.05),
    )
    return real(mas, url, settings, TIMEOUT_S)


@pytest.mark.timing
@pytest.mark.timeout(900)
@pytest.mark.parametrize("questions", [200, pytest.param(2000, marks=pytest.mark.slow)])
def test_fault_storm_through_the_server(
    mas: BaseMAS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, questions: int
) -> None:
    """32 questions at a time; three in ten of the provider's replies are faulty."""
    monkeypatch.setenv("STUB_KEY", KEY)
    with (
        spawned("--delay", "0.005", "--key", KEY, "--faults", json.dumps(SHARES)) as stub,
        served(stormy(mas, tmp_path, stub.base_url)) as server,
    ):

        def reply(i: int) -> tuple[int, dict[str, Any]]:
            return parsed(server.raw(whole(ask(f"Question {i}?")), timeout=300))

        with ThreadPoolExecutor(32) as pool:
            replies = list(pool.map(reply, range(questions)))
        metrics = server.raw(b"GET /metrics HTTP/1.0\r\n\r\n").decode()
        told = charged(stub.log())
    codes = Counter(code for code, _ in replies)
    assert set(codes) <= {200, 500, 502, 504}
    assert codes[200] > questions / 4
    assert codes[502] > questions / 40
    assert codes[500] == 0
    assert all("abgnn" in said for _, said in replies), "every reply has its account"
    assert told["certain_attempts"] + told["uncertain_attempts"] >= 5 / 2 * questions
    sums, keys = books_of(tmp_path / "calls.sqlite")
    for name in ("attempts", "prompt", "completion"):
        assert sums[f"certain_{name}"] == told[f"certain_{name}"], name
    assert sums["uncertain_attempts"] == told["uncertain_attempts"]
    paid = sum(said["abgnn"]["paid_usd"] for _, said in replies)  # type: ignore[index]
    assert paid == pytest.approx((sums["certain_pusd"] + sums["uncertain_pusd"]) / 1e12)
    counted = next(line for line in metrics.splitlines() if line.startswith("abgnn_paid_usd_total"))
    assert float(counted.split()[-1]) == pytest.approx(paid)
    calls = sum(len(said["abgnn"]["calls"]) for _, said in replies)  # type: ignore[index]
    assert len(keys) == calls
    assert {n for _, n in keys} == {1}


def test_calls_of_clients_that_left_are_booked(
    mas: BaseMAS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_KEY", "any")
    with (
        running(delay_s=0.3) as stub,
        served(stormy(mas, tmp_path, stub.base_url)) as server,
    ):
        stub.change(slots=0)  # no call is answered while its client is there
        for i in range(5):
            with socket.create_connection(server.address) as sock:
                sock.sendall(whole(ask(f"Q{i}?")))
                while len(stub.log()) <= i:
                    time.sleep(0.01)
        left(server, 5)
        stub.change(slots=None)
        idle(server)
        log = stub.log()
    assert len(log) == 5, "the first call of each"
    with sqlite3.connect(tmp_path / "calls.sqlite") as file:
        [(n, prompt)] = file.execute(
            "SELECT COUNT(*), SUM(prompt_tokens) FROM attempts WHERE error IS NULL"
        ).fetchall()
    assert n == len(log)
    assert prompt == sum(line["prompt_tokens"] for line in log)


@pytest.mark.live
def test_a_real_llm_behind_it(smollm2: str) -> None:
    mas = BaseMAS(
        "math",
        smollm2,
        role_set="roles/calculator.yaml",
        encoder="offline",
        n_pools=1,
    )
    policy = FixedGraph("smollm2-steps", ["Calculator"])
    trained = Trained(policy, mas, LocalClient())
    with (
        served(System(PolicySource(trained.deployment, trained))) as server,
        openai.OpenAI(base_url=server.url, api_key="any", timeout=280) as client,
    ):
        done = client.chat.completions.create(**ask("What is 2 + 3?"))
        assert done.model_extra["abgnn"]["calls_are"] == "live"
        assert done.choices[0].message.content.strip()
        assert done.usage.completion_tokens > 0
        chunks = list(client.chat.completions.create(**ask("What is 7 + 1?", stream=True)))
        pieces = [text for c in chunks if (text := c.choices[0].delta.content)]
        assert "".join(pieces).strip()
        assert len(pieces) > 2, "it comes token by token"
        assert chunks[-1].model_extra["abgnn"]["latency_s"] > 0
