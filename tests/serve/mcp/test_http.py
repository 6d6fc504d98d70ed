"""The tools over streamable HTTP by the SDK's own client; hostile requests to the same door."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Semaphore
from typing import Any

import pytest

pytest.importorskip("mcp")
pytest.importorskip("uvicorn")

import anyio
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from abgnn.graph.base_mas import BaseMAS
from abgnn.rollout.clients.base import CallError
from abgnn.serve.http.limits import ServeLimits
from abgnn.serve.mcp.http import McpService
from abgnn.serve.system import System
from tests.paths import ROOT
from tests.rollout.helpers import Scripted
from tests.serve.http.helpers import CHAIN, KEY, hosted, parsed, read_all, scripted

if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup  # what anyio raises there

HOME = re.escape(str(Path.home()).encode())
LEAKS = re.compile(rb"Traceback|\.py\b|site-packages|root:|%b|%b" % (HOME, KEY.encode()))
LIMITS = ServeLimits(body_bytes=10_000, receive_s=1.0, characters=5000)
MODES = pytest.mark.parametrize("mode", ["legacy", "auto"])  # with a session, and without


def use(
    url: str, work: Callable[[Client], Awaitable[Any]], mode: str = "auto", key: str = KEY
) -> Any:
    """What `work` makes of a client."""

    async def session() -> Any:
        headers = {"authorization": f"Bearer {key}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=60) as http,
            Client(streamable_http_client(url, http_client=http), mode=mode) as client,
        ):
            return await work(client)

    return asyncio.run(session())


def call(url: str, tool: str, mode: str = "auto", **arguments: Any) -> Any:
    return use(url, lambda client: client.call_tool(tool, arguments), mode)


@pytest.fixture(scope="module")
def both(mas: BaseMAS) -> Iterator[tuple[str, Scripted]]:
    system, llm = scripted(mas)
    with hosted(McpService(system, LIMITS, KEY)) as url:
        yield url, llm


@pytest.fixture
def url(both: tuple[str, Scripted]) -> Iterator[str]:
    """Afterwards it answers as before."""
    yield both[0]
    assert call(both[0], "ask", question="Still there?").content[0].text == "Decision Maker0"


@MODES
def test_an_answer_with_its_account(url: str, mode: str) -> None:
    made = call(url, "ask", mode, question="What is a quark?")
    account = made.structured_content
    assert [c["role"] for c in account["calls"]] == [*CHAIN, "Decision Maker"]
    assert account["cost_usd"] == pytest.approx(sum(c["cost_usd"] for c in account["calls"]))
    assert account["latency_s"] == max(c["end_s"] for c in account["calls"])
    assert account["calls_are"] == "scripted"


def test_what_budgets_buy(calibration_file: str) -> None:
    service = McpService(System.load(calibration_file, config="simulated/general.yaml"))

    async def work(client: Client) -> list[Any]:
        tool = "what_would_a_budget_buy"
        stated: list[dict[str, Any]] = [{}, {"cost_usd": 1e-4}, {"cost_usd": 1e-9}]
        return [await client.call_tool(tool, arguments) for arguments in stated]

    with hosted(service) as url:
        free, poor, none = use(url, work)
        planned = call(url, "plan", question="Q?", latency_s=1e-9)
    points = free.structured_content["frontier"]
    assert len(points) > 4
    assert [p["expected"]["cost_usd"] for p in points] == sorted(
        p["expected"]["cost_usd"] for p in points
    )
    assert len(free.content[0].text.splitlines()) == len(points) + 1
    assert poor.structured_content["frontier"] == []
    assert 0 < poor.structured_content["expected"]["cost_usd"] <= 1e-4
    assert "(simulated)" in poor.content[0].text
    for wrong, field in ((none, "cost_usd"), (planned, "latency_s")):
        assert wrong.is_error
        assert f"{field}: got 1e-09; allowed: at least" in wrong.content[0].text


def test_the_command_serves_until_it_is_told_to_stop(blind: str) -> None:
    """SIGTERM ends it though a client has a session open."""
    flags = ["--transport", "http", "--port", "0", "--key-env", "K"]
    source = ["--calibration", blind, "--config", "simulated/general.yaml"]
    with subprocess.Popen(
        [sys.executable, "-m", "abgnn", "mcp", *source, *flags],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "K": KEY},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("serving at http://127.0.0.1:")
        assert line.endswith("/mcp (simulated)\n")

        async def work(client: Client) -> Any:
            asked = {"question": "What is a quark?", "cost_usd": 1e-3}
            answers.append(await client.call_tool("ask", asked))
            process.send_signal(signal.SIGTERM)

        answers: list[Any] = []
        with suppress(BaseExceptionGroup, MCPError):  # the session ends with the server
            use(line.split()[2], work, "legacy")
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0, out
    assert KEY not in out
    [answer] = answers
    assert answer.structured_content["calls_are"] == "simulated"


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("ask", {}, "question: got nothing"),
        ("ask", {"question": " \n"}, "question: got 2 characters; allowed: a text of at most 5000"),
        ("ask", {"question": "x" * 5001}, "question: got 5001 characters"),
        ("ask", {"question": ["Q?"]}, "question: got ['Q?']; allowed: Input should be a valid str"),
        ("ask", {"question": "Q?", "cost": 1}, "cost: got 1; allowed: question, cost_usd, latency"),
        ("ask", {"question": "Q?", "ctx": {}}, "ctx: got {}"),
        ("ask", {"question": "Q?", "cost_usd": 0}, "cost_usd: got 0; allowed: Input should be gr"),
        ("ask", {"question": "Q?", "cost_usd": "1"}, "cost_usd: got '1'; allowed: Input should be"),
        ("ask", {"question": "Q?", "latency_s": True}, "latency_s: got True"),
        ("ask", {"question": "Q?", "latency_s": 1e300}, "latency_s: got 1e+300; allowed: seconds"),
        ("plan", {"question": "Q?", "__class__": "x"}, "__class__: got 'x'"),
        ("plan", {"question": "../../etc/passwd" * 400}, "question: got 6400 characters"),
        ("spending", {"run": "another"}, "run: got 'another'; allowed: no argument"),
        ("what_would_a_budget_buy", {"question": ""}, "question: got 0 characters"),
        ("../../etc/passwd", {}, "Unknown tool"),
    ],
)
def test_wrong_arguments_are_errors_of_the_tool(
    both: tuple[str, Scripted], url: str, tool: str, arguments: dict[str, Any], said: str
) -> None:
    """They name field, value and what is allowed; nothing was called."""
    before = len(both[1].told)
    made = use(url, lambda client: client.call_tool(tool, arguments))
    assert made.is_error
    assert said in made.content[0].text
    assert len(made.content[0].text) < 400
    assert len(both[1].told) == before


def test_what_providers_say_is_not_passed_on(mas: BaseMAS) -> None:
    system, llm = scripted(mas)
    llm.fails = {"Decision Maker": CallError("status", "at internal.example with sk-x", status=403)}
    with hosted(McpService(system)) as url:
        made = call(url, "ask", question="Q?")
    assert made.is_error
    [told] = made.content
    assert "could not answer: status (Decision Maker on small); spent: USD" in told.text
    assert "internal.example" not in told.text
    assert "sk-x" not in told.text


@MODES
def test_a_client_that_cancels_stops_the_calls(mas: BaseMAS, mode: str) -> None:
    system, llm = scripted(mas)
    llm.gate = Semaphore(0)

    async def work(client: Client) -> Any:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.call_tool, "ask", {"question": "Q?"})
            while not llm.running:
                await anyio.sleep(0.005)
            tasks.cancel_scope.cancel()
        refused = await client.call_tool("ask", {"question": "Another?"})
        assert llm.gate is not None
        llm.gate.release(99)
        while True:  # until the call that was under way has ended and made place
            made = await client.call_tool("ask", {"question": "Another?"})
            if not made.is_error:
                return refused
            await anyio.sleep(0.005)

    with hosted(McpService(system, ServeLimits(concurrent=1))) as url:
        refused = use(url, work, mode)
    assert "1 questions are under way" in refused.content[0].text
    assert [name for name, _ in llm.told] == [CHAIN[0], *CHAIN, "Decision Maker"]


def test_the_key_is_needed(both: tuple[str, Scripted], url: str) -> None:
    for wrong in ("", "sk-wrong", KEY + "x"):
        with pytest.raises((MCPError, BaseExceptionGroup)):
            use(url, lambda client: client.list_tools(), key=wrong)
    assert told(url, b"{}", key=None)[0] == 401
    assert told(url, b"{}", key=None, method=b"GET")[0] == 401
    assert told(url, b"{}", key=None, method=b"DELETE")[0] == 401


def told(
    url: str,
    body: bytes,
    *more: bytes,
    key: str | None = KEY,
    method: bytes = b"POST",
    host: bytes | None = None,
    length: int | None = None,
    path: bytes = b"/mcp",
) -> tuple[int, bytes]:
    """Status (0: closed without a word) and reply, once it is clear that nothing leaks."""
    address = url.removeprefix("http://").removesuffix("/mcp")
    name, _, port = address.partition(":")
    lines = [
        method + b" " + path + b" HTTP/1.1",
        b"Host: " + (host or address.encode()),
        b"Connection: close",
        b"Content-Type: application/json",
        b"Accept: application/json, text/event-stream",
        b"Content-Length: %d" % (len(body) if length is None else length),
        *([b"Authorization: Bearer " + key.encode()] if key else []),
        *more,
    ]
    with socket.create_connection((name, int(port)), timeout=60) as sock:
        sock.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + body)
        reply = read_all(sock)
    assert not LEAKS.search(reply)
    return parsed(reply)[0], reply


def rpc(method: str, **params: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"\xff\xfe{", b"\0" * 50, b"[" * 9000,
        b'{"a":' * 1500, b"1" * 9000, b"NaN", b"[]", b"7",
        rpc("tools/call", name="ask", arguments=["Q?"]),
        rpc("tools/call", name=7, arguments={}),
        rpc("tools/call", name="ask", arguments={"question": "Q?"}),  # without a session
        rpc("tools/call", name="ask", arguments={"question": "\ud800"}),
        rpc("resources/read", uri="file:///etc/passwd"),
        rpc("resources/read", uri="../../../../etc/passwd"),
        rpc("prompts/get", name="../../etc/passwd"),
        rpc("completion/complete", ref={"type": "ref/resource", "uri": "file:///etc/passwd"}),
        rpc("logging/setLevel", level="x"),
        rpc("os.system", command="id"),
        rpc("__class__"),
    ],
    ids=range(21),
)  # fmt: skip
def test_bodies_that_mean_harm(both: tuple[str, Scripted], url: str, body: bytes) -> None:
    before = len(both[1].told)
    code, reply = told(url, body)
    assert code in (200, 202, 400, 404, 406)
    assert code not in (200, 202) or b'"error"' in reply
    assert len(reply) < 2000
    assert len(both[1].told) == before


def test_other_harm(url: str) -> None:
    assert told(url, b"", length=10_001)[0] == 413
    assert told(url, b'{"jsonrpc"', length=100)[0] == 408
    assert told(url, b"{}", host=b"evil.example")[0] == 421
    assert told(url, b"{}", b"Origin: http://evil.example")[0] == 403
    assert told(url, b"{}", b"Mcp-Session-Id: ../../etc/passwd")[0] in (400, 404)
    for path in (b"/mcp/../etc/passwd", b"/etc/passwd", b"/mcp/%2e%2e/", b"/"):
        assert told(url, b"{}", path=path)[0] == 404
