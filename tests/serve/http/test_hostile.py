"""Hostile clients: every one gets an error or a closed connection, and the server lives on."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from abgnn.graph.base_mas import BaseMAS
from abgnn.rollout import Completion
from abgnn.rollout.clients.base import CallError
from abgnn.serve.http.limits import ServeLimits
from abgnn.serve.http.protocol import PatientProtocol
from tests.rollout.helpers import Scripted
from tests.serve.http.helpers import (
    HEAD,
    KEY,
    Running,
    ask,
    idle,
    parsed,
    read_all,
    scripted,
    served,
    whole,
)

LEAKS = (b"Traceback", b".py", str(Path.home()).encode(), KEY.encode(), b"site-packages")


@pytest.fixture(scope="module")
def both(mas: BaseMAS) -> Iterator[tuple[Running, Scripted]]:
    system, client = scripted(mas)
    limits = ServeLimits(body_bytes=10_000, receive_s=1.0, stalled_s=1.0, characters=5000)
    with served(system, limits, KEY) as running:
        yield running, client


@pytest.fixture
def server(both: tuple[Running, Scripted]) -> Iterator[Running]:
    """Afterwards it answers as before, and nothing is left under way."""
    running, _ = both
    yield running
    code, said = running.post(ask(), f"Authorization: Bearer {KEY}")
    assert code == 200, said
    idle(running)


def told(server: Running, sent: bytes) -> tuple[int, bytes]:
    """Status (0: closed without a word), once it is clear that nothing leaks."""
    reply = server.raw(sent)
    assert not [leak for leak in LEAKS if leak in reply]
    return parsed(reply)[0], reply


def test_huge_bodies_are_refused_before_they_arrive(server: Running) -> None:
    assert told(server, HEAD + b"Content-Length: 10001\r\n\r\n")[0] == 413
    assert told(server, HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n")[0] in (400, 413)
    chunks = b"".join(b"800\r\n" + b"x" * 0x800 + b"\r\n" for _ in range(6))
    assert told(server, HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)[0] == 413


@pytest.mark.parametrize(
    "tricks",
    [
        b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length: 1e3\r\n\r\n",
        b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        b"Transfer-Encoding: gzip, chunked\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nnot a size\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        b"X-Nul: \x00\r\nContent-Length: 0\r\n\r\n",
        b"X Bad: 1\r\nContent-Length: 0\r\n\r\n",
        b": empty\r\nContent-Length: 0\r\n\r\n",
        b"X-Abgnn-Cost-Usd: 1\r\nX-Abgnn-Cost-Usd: 2\r\nContent-Length: 2\r\n\r\n{}",
        b"X-Long: " + b"x" * 20_000 + b"\r\nContent-Length: 0\r\n\r\n",
        b"X-Many: 1\r\n" * 3000 + b"Content-Length: 0\r\n\r\n",
        b"Upgrade: websocket\r\nContent-Length: 2\r\n\r\n{}",
        b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
    ],
    ids=range(15),
)
def test_tricks_in_headers(server: Running, tricks: bytes) -> None:
    code, _ = told(server, HEAD + tricks)
    assert code in (0, 100, 400, 404, 408, 413)


@pytest.mark.parametrize(
    "sent",
    [b"", b"\r\n\r\n", b"GARBAGE\r\n\r\n", b"\x16\x03\x01\x02\x00",
     b"GET /nowhere HTTP/9.9\r\nConnection: close\r\n\r\n",
     b"GET " + b"/" * 30_000 + b" HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
     b"GET /v1/models/../../etc/passwd HTTP/1.0\r\n\r\n",
     b"GET /v1/models/%00%0d%0aX:y HTTP/1.0\r\n\r\n", b"GET http://elsewhere/ HTTP/1.0\r\n\r\n"],
    ids=range(10),
)  # fmt: skip
def test_what_is_no_request_of_ours(server: Running, sent: bytes) -> None:
    code, reply = told(server, sent)
    assert code in (0, 400, 401, 404)
    assert b"X:y" not in reply.partition(b"\r\n\r\n")[0]


def cut_while_sending(sock: socket.socket, byte: bytes, limit_s: float = 30.0) -> bool:
    """Whether the server hangs up on somebody who sends a byte now and then."""
    until = time.monotonic() + limit_s
    with suppress(OSError):
        while time.monotonic() < until:
            sock.sendall(byte)
            time.sleep(0.02)
        return False
    return True


def test_slow_heads_are_cut(server: Running) -> None:
    with socket.create_connection(server.address, timeout=60) as sock:
        sock.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        assert cut_while_sending(sock, b"x")
        assert read_all(sock) == b""


def test_heads_after_the_first_request_are_watched_too(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("abgnn.serve.http.protocol.KEEP_ALIVE_S", 0.2)
    with socket.create_connection(server.address, timeout=60) as sock:
        sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        reply = b""
        while b'"ok"' not in reply:  # head and body may come in two parts
            part = sock.recv(4096)
            assert part
            reply += part
        assert cut_while_sending(sock, b"G")


def test_slow_bodies_are_told_so(server: Running) -> None:
    with socket.create_connection(server.address, timeout=60) as sock:
        sock.sendall(HEAD + b'Content-Length: 100\r\n\r\n{"model"')
        assert parsed(read_all(sock))[0] == 408


def test_readers_that_stall_are_let_go(
    both: tuple[Running, Scripted], server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = "many words " * 2_000_000  # more than sockets buffer
    original = Scripted.complete

    async def wordy(self: Scripted, *args: Any, **kwargs: Any) -> Completion:
        return replace(await original(self, *args, **kwargs), text=long)

    lost, noted = Event(), PatientProtocol.connection_lost

    def note(self: PatientProtocol, exc: Exception | None) -> None:
        noted(self, exc)
        lost.set()

    monkeypatch.setattr(Scripted, "complete", wordy)
    monkeypatch.setattr(PatientProtocol, "connection_lost", note)
    with socket.create_connection(server.address, timeout=60) as sock:
        sock.sendall(whole(ask("Long?")))
        assert lost.wait(60), "though nobody has read a byte"
        assert len(read_all(sock)) < len(long)
    monkeypatch.undo()


def test_clients_that_leave_at_once(server: Running) -> None:
    begun = HEAD + b"Content-Length: 50\r\n\r\n{"
    for sent in (b"", b"POST", HEAD, begun, whole(ask("Bye?"))):
        for _ in range(10):
            sock = socket.create_connection(server.address, timeout=60)
            sock.sendall(sent)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # reset
            sock.close()
    idle(server)


def test_many_connections_that_say_nothing(server: Running) -> None:
    idle = [socket.create_connection(server.address, timeout=60) for _ in range(300)]
    code, _ = server.post(ask(), f"Authorization: Bearer {KEY}")
    assert code == 200
    assert all(read_all(sock) == b"" for sock in idle)  # let go after receive_s
    for sock in idle:
        sock.close()


@settings(max_examples=60, deadline=None)
@given(body=st.binary(max_size=300))
def test_any_bytes_at_all(both: tuple[Running, Scripted], body: bytes) -> None:
    server, _ = both
    head = HEAD + b"Content-Length: %d\r\n\r\n" % len(body)
    code, _ = told(server, head + body)
    assert code == 400
    reply = server.raw(body + b"\r\n\r\n")
    assert parsed(reply)[0] in (0, 400, 404)


RESPONSES = HEAD.replace(b"/chat/completions", b"/responses")
USER = '{"role":"user","content":"Q?"}'


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 9000,
        b'{"model":"abgnn","input":' + b"[" * 9000,
        b'{"model":"abgnn","input":"Q?","metadata":' + b'{"a":' * 1500,
        b'{"model":"abgnn","input":NaN}',
        b'{"model":"abgnn","input":"Q?","abgnn":{"cost_usd":' + b"9" * 5000 + b"}}",
        b'{"model":"abgnn","input":"Q?","metadata":{"abgnn.cost_usd":"' + b"9" * 400 + b'"}}',
        b'{"model":"abgnn","input":"\\ud800"}',
        b'{"model":"abgnn","input":"Q?","instructions":"\\udfff"}',
        b'{"model":"../../etc/passwd","input":"Q?"}',
        b'{"model":"abgnn","input":[{"type":"item_reference","id":"../../etc/passwd"}]}',
        b'{"model":"abgnn","input":[{"role":"user","content":[{"type":"input_file",'
        b'"file_url":"file:///etc/passwd"}]}]}',
        b'{"model":"abgnn","input":[{"role":"user","content":[{"type":"input_image",'
        b'"image_url":"http://169.254.169.254/latest"}]}]}',
        b'{"model":"abgnn","input":[{"type":"local_shell_call","action":{"command":["id"]}}]}',
        b'{"model":"abgnn","input":"Q?","tools":[{"type":"code_interpreter"}]}',
        b'{"model":"abgnn","input":"Q?","tools":[{"type":"mcp","server_url":"http://127.0.0.1"}]}',
        b'{"model":"abgnn","input":"Q?","previous_response_id":"../../etc/passwd"}',
        b'{"model":"abgnn","input":"Q?","prompt":{"id":"../../etc/passwd"}}',
        f'{{"model":"abgnn","input":[{",".join([USER] * 300)}]}}'.encode(),
        b'{"model":"abgnn","input":"' + b"x" * 5001 + b'"}',
        b'{"model":"abgnn","input":"","input":""}',
    ],
    ids=range(20),
)
def test_bodies_of_responses_that_mean_harm(
    both: tuple[Running, Scripted], server: Running, body: bytes
) -> None:
    """Refused in a line, whoever is asked; nothing was called, fetched or read."""
    before = len(both[1].told)
    for sent in (body, body[:-1] + b',"stream":true}'):
        code, reply = told(server, RESPONSES + b"Content-Length: %d\r\n\r\n" % len(sent) + sent)
        assert code in (400, 404)
        assert b"root:" not in reply
        assert len(reply) < 1000
    assert len(both[1].told) == before


def test_tricks_reach_responses_no_further(server: Running) -> None:
    assert told(server, RESPONSES + b"Content-Length: 10001\r\n\r\n")[0] == 413
    for path in (b"/v1/responses/..%2f..%2fetc%2fpasswd", b"/v1/responses/%00", b"/v1/responses//"):
        head = RESPONSES.replace(b"/v1/responses", path)
        assert told(server, head + b"Content-Length: 2\r\n\r\n{}")[0] == 404
        assert told(server, head.replace(b"POST", b"GET") + b"\r\n")[0] == 404


def test_what_providers_say_is_not_passed_on(mas: BaseMAS) -> None:
    system, client = scripted(mas)
    secret = "https://internal.example/v1 key sk-of-the-provider"
    client.fails = {"Decision Maker": CallError("status", secret, status=403)}
    with served(system) as server:
        asked = {"model": "abgnn", "input": "Q?", "stream": True}
        body = json.dumps(asked).encode()
        typed = RESPONSES + b"Content-Length: %d\r\n\r\n" % len(body) + body
        for sent in (whole(ask()), whole(ask(stream=True)), typed):
            reply = server.raw(sent)
            assert b"status (Decision Maker on small)" in reply
            assert b"internal.example" not in reply
            assert b"sk-of" not in reply
            assert b'"cost_usd":' in reply  # what was spent is told
