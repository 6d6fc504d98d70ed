"""A server in a thread, systems to put behind it, and raw sockets to annoy it with."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from abgnn.data.catalogue import Catalogue
from abgnn.experiments.trained import Trained
from abgnn.graph.base_mas import BaseMAS
from abgnn.models import FixedGraph
from abgnn.rollout import OpenAIClient
from abgnn.rollout.clients.base import Client
from abgnn.rollout.settings import RolloutSettings
from abgnn.serve.http.app import Service
from abgnn.serve.http.limits import ServeLimits
from abgnn.serve.http.server import Served, listen, make_server, url_of
from abgnn.serve.policy_source import PolicySource
from abgnn.serve.sources import Bounds
from abgnn.serve.system import System
from tests.rollout.helpers import Scripted, backbone

CHAIN = ["Knowledgeable Expert", "Wiki Searcher"]
KEY = "sk-planted-5d1e"
HEAD = (
    f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {KEY}\r\n"
    "Connection: close\r\n"
).encode()


@dataclass(frozen=True)
class Running:
    """A server that runs in this process."""

    url: str
    service: Service

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.url.removeprefix("http://").removesuffix("/v1").partition(":")
        return host, int(port)

    def raw(self, sent: bytes, timeout: float = 60.0) -> bytes:
        """All that comes back until the server closes."""
        with socket.create_connection(self.address, timeout=timeout) as sock:
            sock.sendall(sent)
            return read_all(sock)

    def post(
        self,
        body: bytes | dict[str, Any],
        *headers: str,
        path: str = "/v1/chat/completions",
    ) -> tuple[int, dict[str, Any]]:
        """Status and JSON of a request."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Connection: close", *headers]
        if not any(h.lower().startswith(("content-length", "transfer-encoding")) for h in headers):
            lines.append(f"Content-Length: {len(data)}")
        return parsed(self.raw("\r\n".join([*lines, "", ""]).encode("latin-1") + data))


def read_all(sock: socket.socket) -> bytes:
    received = bytearray()
    try:
        while part := sock.recv(65536):
            received += part
    except ConnectionResetError:
        pass
    return bytes(received)


def parsed(reply: bytes) -> tuple[int, dict[str, Any]]:
    """Status and JSON of a raw reply; (0, {}) if there was none."""
    head, _, body = reply.partition(b"\r\n\r\n")
    if not head:
        return 0, {}
    code = int(head.split(b" ", 2)[1])
    try:
        return code, json.loads(body)
    except ValueError:
        return code, {}


def whole(data: dict[str, Any]) -> bytes:
    """A request as it should be, byte for byte."""
    body = json.dumps(data).encode()
    return HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body


def ask(question: str = "What is a quark?", **more: Any) -> dict[str, Any]:
    return {"model": "abgnn", "messages": [{"role": "user", "content": question}], **more}


def system_of(
    mas: BaseMAS,
    client: Client,
    url: str | None = None,
    settings: RolloutSettings | None = None,
    bounds: Bounds | None = None,
) -> System:
    """Two role agents in a chain and the decision agent on one LLM."""
    small = backbone(
        "small", base_url=url, max_tokens=64, max_concurrency=64, api_key_env="STUB_KEY"
    )
    policy = FixedGraph("small", CHAIN, edges="chain")
    trained = Trained(
        policy,
        mas.with_catalogue(Catalogue((small,))),
        client,
        rollout=settings or RolloutSettings(),
    )
    return System(PolicySource(trained.deployment, trained), bounds=bounds)


def scripted(mas: BaseMAS, seconds: float = 0.0) -> tuple[System, Scripted]:
    client = Scripted(
        seconds=dict.fromkeys([*CHAIN, "Decision Maker"], seconds), sleeps=seconds > 0
    )
    return system_of(mas, client), client


def real(
    mas: BaseMAS, url: str, settings: RolloutSettings | None = None, timeout_s: float = 60.0
) -> System:
    """On a server, through the openai client."""
    return system_of(mas, OpenAIClient(timeout_s), url, settings)


def idle(server: Running) -> None:
    """Wait until nothing is under way."""
    while server.service.in_flight:
        time.sleep(0.005)


def left(server: Running, clients: int) -> None:
    """Wait until the server has noticed that so many clients went away."""
    while f"}} {clients}.0" not in line_of(server, "abgnn_abandoned_total"):
        time.sleep(0.005)


def line_of(server: Running, metric: str) -> str:
    text = server.raw(b"GET /metrics HTTP/1.0\r\n\r\n").decode()
    return next((line for line in text.splitlines() if line.startswith(metric)), "")


@contextmanager
def served(
    system: System, limits: ServeLimits | None = None, key: str | None = None
) -> Iterator[Running]:
    """A server on a thread; stopped, it finishes what is under way."""
    service = Service(system, limits, key)
    with hosted(service) as url:
        yield Running(url, service)


@contextmanager
def hosted(service: Served) -> Iterator[str]:
    """The URL of a service on a thread; its system is closed in the end."""
    sock, server = listen("127.0.0.1", 0), make_server(service)
    url = url_of(sock, service.path)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
    thread.start()
    try:
        yield url
    finally:
        server.should_exit = True
        thread.join(30)
        service.system.close()
        assert not thread.is_alive()
