"""The stub itself: what tests lean on must hold."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.servers.fixtures import Server, running, spawned


def ask(server: Server, text: str = "?", **fields: Any) -> tuple[int, dict[str, Any]]:
    """Status and JSON of a completion."""
    messages = [{"role": "user", "content": text}]
    body = json.dumps({"model": "m", "messages": messages} | fields).encode()
    request = urllib.request.Request(f"{server.base_url}/chat/completions", body)
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return reply.status, json.loads(reply.read())
    except urllib.error.HTTPError as error:
        return error.code, {"retry-after": error.headers["Retry-After"]}


def test_the_same_request_is_answered_the_same() -> None:
    replies = []
    for _ in range(2):
        with running(delay_s=0) as server:
            replies.append([ask(server, f"Question {i}?") for i in range(3)])
            assert sum(line["billed"] for line in server.log()) == sum(
                reply["usage"]["total_tokens"] for _, reply in replies[-1]
            )
    assert replies[0] == replies[1]
    assert len({str(reply["choices"]) for _, reply in replies[0]}) == 3


def test_max_tokens_cuts() -> None:
    with running(delay_s=0) as server:
        _, whole = ask(server)
        _, cut = ask(server, max_tokens=9)
    assert whole["choices"][0]["finish_reason"] == "stop"
    assert whole["choices"][0]["message"]["content"][-1] in "ABCD"
    assert cut["choices"][0]["finish_reason"] == "length"
    assert cut["usage"]["completion_tokens"] == 9


def test_drawn_faults_keep_their_shares_and_differ_by_attempt() -> None:
    shares = {"500": 0.3, "null": 0.2}
    with running(delay_s=0, faults=shares, seed=1) as server:
        for i in range(300):
            ask(server, f"Question {i % 150}?")
        met = [line["fault"] for line in server.log()]
    with running(delay_s=0, faults=shares, seed=1) as server:
        for i in range(300):
            ask(server, f"Question {i % 150}?")
        assert met == [line["fault"] for line in server.log()], "the seed decides"
    assert met.count("500") == pytest.approx(90, abs=24)
    assert met.count("null") == pytest.approx(60, abs=21)
    assert met[:150] != met[150:]


def test_a_commanded_fault_may_pass() -> None:
    with running(delay_s=0) as server:
        statuses = [ask(server, "[[fault:503*2]] ?")[0] for _ in range(4)]
        assert statuses == [503, 503, 200, 200]
        assert [line["billed"] > 0 for line in server.log()] == [False, False, True, True]


def test_slots_queue_and_limits_refuse() -> None:
    with running(delay_s=0.1, slots=2) as server, ThreadPoolExecutor(8) as threads:
        began = time.perf_counter()
        statuses = [r[0] for r in threads.map(lambda i: ask(server, str(i)), range(6))]
        assert statuses == [200] * 6
        assert time.perf_counter() - began >= 0.3
        # nothing is answered until six are there
        server.change(slots=0, max_in_flight=3, retry_after_s=7)
        asked = [threads.submit(ask, server, str(i)) for i in range(6)]
        while len(server.log()) < 12:
            time.sleep(0.01)
        server.change(slots=None)
        refused = [r for r in (a.result() for a in asked) if r[0] == 429]
        assert [float(reply["retry-after"]) for _, reply in refused] == [7] * 3
        server.change(max_in_flight=None, rpm=2)
        statuses = [ask(server, str(i))[0] for i in range(4)]
        assert statuses == [200, 200, 429, 429]


def test_keys_are_demanded_and_not_logged(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    with running(delay_s=0, key="sk-12345", log=str(log)) as server:
        assert ask(server)[0] == 401
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(line["status"], line["billed"]) for line in lines] == [(401, 0)]


def test_a_process_of_its_own_serves_many_at_once() -> None:
    """Over 32 raw connections; `scripts/bench/serve` is where its speed is seen."""
    body = json.dumps({"messages": [{"role": "user", "content": "Why? " * 100}]}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n".encode()

    async def one(port: int, n: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(n):
            writer.write(head + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(answer.split(b"Content-Length: ")[1].split(b"\r")[0]))
        writer.close()

    async def load(port: int) -> None:
        await asyncio.gather(*(one(port, 40) for _ in range(32)))

    with spawned("--delay", "0") as server:
        asyncio.run(load(int(server.base_url.split(":")[2].split("/")[0])))
        assert server.stats()["requests"] == 32 * 40
