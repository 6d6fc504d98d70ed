"""Every way in which an endpoint can fail, through the real client, over real sockets."""

from __future__ import annotations

import asyncio
import time
import tracemalloc
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Literal, TypeVar

import pytest

from abgnn.data.backbone import Backbone, Usage
from abgnn.data.template import Role
from abgnn.rollout.clients.base import CallError, Completion, Messages
from abgnn.rollout.clients.openai import OpenAIClient
from abgnn.rollout.ledger.money import worst_case
from tests.rollout.helpers import backbone, query
from tests.servers.faults import FAULTS
from tests.servers.fixtures import Server, running

T = TypeVar("T")
Billed = Literal["stated", "nothing", "unknown"]
Seen = tuple[str | None, int | None, Billed]

OK: Seen = (None, None, "stated")
UNREADABLE: Seen = ("malformed", None, "unknown")
EMPTY: Seen = ("empty", None, "stated")
UNSTATED: Seen = ("usage", None, "unknown")
SILENT: Seen = ("timeout", None, "unknown")
LOST: Seen = ("connection", None, "unknown")
TOO_MUCH: Seen = ("oversize", None, "unknown")


def http(status: int) -> Seen:
    return ("status", status, "nothing")


EXPECTED: dict[str, Seen] = {
    **{name: http(int(name)) for name in ("400", "401", "408", "409", "429", "500", "503")},
    **{"429-date": http(429), "429-ms": http(429), "500-huge": http(500), "redirect": http(307)},
    "400-filter": ("filter", 400, "nothing"),
    "error-200": ("status", 502, "unknown"),
    **dict.fromkeys(("html", "malformed", "truncated-json", "list-body", "deep"), UNREADABLE),
    **dict.fromkeys(("huge-int", "gzip-lie"), UNREADABLE),
    **dict.fromkeys(("wrong-types", "number"), ("malformed", None, "stated")),
    **dict.fromkeys(("no-choices", "empty", "blank", "null", "length-empty"), EMPTY),
    "filter": ("filter", None, "stated"),
    **dict.fromkeys(("length", "refusal", "parts", "gzip"), OK),
    **dict.fromkeys(("surrogates", "control", "bad-utf8", "bom"), OK),
    **dict.fromkeys(("no-usage", "wrong-usage", "negative-usage", "nan-usage"), UNSTATED),
    "huge": ("oversize", None, "stated"),
    **dict.fromkeys(("gzip-bomb", "endless"), TOO_MUCH),
    **dict.fromkeys(("slow", "slow-headers", "hang"), SILENT),
    **dict.fromkeys(("reset", "close"), LOST),
}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running(delay_s=0.02) as started:
        yield started


@pytest.fixture
def on(server: Server) -> Backbone:
    return backbone("m", base_url=server.base_url, max_tokens=256)


def messages(text: str) -> Messages:
    return Messages(Role("Critic", "Be strict."), text)


async def outcome(client: OpenAIClient, on: Backbone, text: str) -> Completion | CallError:
    try:
        return await client.complete(on, messages(text), query=query(), sample=0)
    except CallError as error:
        return error


def with_client(client: OpenAIClient, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """The result of some work, after which nothing of it is left on the loop."""

    async def run() -> T:
        try:
            return await work()
        finally:
            await client.aclose()
            await asyncio.sleep(0)
            assert len(asyncio.all_tasks()) == 1

    return asyncio.run(run())


def billed(result: Completion | CallError) -> Billed:
    if result.usage is None:
        return "unknown"
    return "stated" if result.usage != Usage() else "nothing"


def test_every_fault_is_expected_here() -> None:
    assert set(EXPECTED) == set(FAULTS)


@pytest.mark.parametrize("fault", EXPECTED)
def test_fault(server: Server, on: Backbone, fault: str) -> None:
    """A typed outcome, in time, with what it cost; the neighbours notice nothing."""
    silent = EXPECTED[fault] is SILENT
    client = OpenAIClient(3.0 if silent else 20.0)
    before = len(server.log())
    text = f"[[fault:{fault}]] Right?"

    async def both() -> list[Completion | CallError]:
        others = (outcome(client, on, f"{fault}, {i}?") for i in range(4))
        return list(await asyncio.gather(outcome(client, on, text), *others))

    began = time.perf_counter()
    result, *others = with_client(client, both)
    elapsed = time.perf_counter() - began
    kind, status = (result.kind, result.status) if isinstance(result, CallError) else (None, None)
    assert (kind, status, billed(result)) == EXPECTED[fault]
    assert 0 < result.service_time <= elapsed
    assert all(isinstance(other, Completion) and other.text for other in others)
    if silent:
        assert max(other.service_time for other in others) < result.service_time

    lines = server.log()[before:]
    (line,) = (line for line in lines if line["fault"] == fault)
    if result.usage is None:
        most = worst_case(messages(text).chat(), 256)
        assert line["prompt_tokens"] <= most.prompt_tokens
        assert line["completion_tokens"] <= most.completion_tokens
    else:
        stated = (result.usage.prompt_tokens, result.usage.completion_tokens)
        assert stated == (line["prompt_tokens"], line["completion_tokens"]), "to the token"
    known = [other.usage for other in others if other.usage is not None]
    spent = sum(usage.prompt_tokens + usage.completion_tokens for usage in known)
    assert spent == sum(other["billed"] for other in lines if other is not line)


@pytest.mark.parametrize(
    ("fault", "low", "high"),
    [("429", 0.2, 0.2), ("429-ms", 0.15, 0.15), ("503", 0.1, 0.1), ("429-date", 0.3, 2.0)],
)
def test_the_server_is_heard(on: Backbone, fault: str, low: float, high: float) -> None:
    client = OpenAIClient(5.0)
    result = with_client(client, lambda: outcome(client, on, f"[[fault:{fault}]]"))
    assert isinstance(result, CallError)
    assert result.retry_after is not None
    assert low <= result.retry_after <= high


def test_texts_are_clean(on: Backbone) -> None:
    client = OpenAIClient(5.0)

    async def all_three() -> list[Completion | CallError]:
        faults = ("surrogates", "control", "length")
        return [await outcome(client, on, f"[[fault:{fault}]]") for fault in faults]

    strange, control, cut = with_client(client, all_three)
    assert isinstance(strange, Completion)
    assert strange.text.startswith("\ufffd 😀 ")
    assert isinstance(control, Completion)
    assert control.text.startswith("[31m\n")
    assert isinstance(cut, Completion)
    assert cut.finish == "length"


def test_no_other_host_hears_of_us(server: Server, on: Backbone) -> None:
    client = OpenAIClient(5.0)
    with_client(client, lambda: outcome(client, on, "[[fault:redirect]]"))
    assert server.stats()["strays"] == 0


def test_nothing_was_billed_where_nothing_was_sent() -> None:
    client = OpenAIClient(5.0)
    nobody = backbone("m", base_url="http://127.0.0.1:9/v1")  # discard: nothing listens
    nowhere = backbone("m", base_url="http://no-such-host.invalid/v1")
    for target in (nobody, nowhere):
        call = with_client(client, lambda target=target: outcome(client, target, "?"))  # type: ignore[misc]
        assert isinstance(call, CallError)
        assert (call.kind, call.usage) == ("connection", Usage())


def test_a_bomb_is_not_unpacked(on: Backbone) -> None:
    client = OpenAIClient(5.0, max_body_bytes=2**20)

    async def peak() -> int:
        await outcome(client, on, "[[fault:gzip-bomb]] warm")
        tracemalloc.start()
        try:
            result = await outcome(client, on, "[[fault:gzip-bomb]] measured")
            assert isinstance(result, CallError)
            assert result.kind == "oversize"
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert with_client(client, peak) < 8 * 2**20, "of 50 MB"


def test_the_longest_text_is_a_setting(on: Backbone) -> None:
    client = OpenAIClient(5.0, max_chars=20)
    result = with_client(client, lambda: outcome(client, on, "Long?"))
    assert isinstance(result, CallError)
    assert result.kind == "oversize"
    assert result.usage is not None
    assert result.usage.completion_tokens > 5


@pytest.mark.parametrize("fault", ["hang", "slow", "endless"])
def test_cancelled_calls_leave_no_connection(server: Server, on: Backbone, fault: str) -> None:
    client = OpenAIClient(30.0)

    async def cancel() -> None:
        calls = [
            asyncio.create_task(outcome(client, on, f"[[fault:{fault}]] {i}")) for i in range(5)
        ]
        while (await asyncio.to_thread(server.stats))["in_flight"] < 5:
            await asyncio.sleep(0.01)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        assert all(call.cancelled() for call in calls)
        while (await asyncio.to_thread(server.stats))["connections"]:
            await asyncio.sleep(0.01)
        assert isinstance(await outcome(client, on, f"after {fault}"), Completion)

    with_client(client, cancel)


def test_the_client_itself_holds_nobody_back(server: Server, on: Backbone) -> None:
    client, calls = OpenAIClient(60.0), 200
    server.change(slots=0)  # nobody is answered until all are there
    try:

        async def burst() -> list[Completion | CallError]:
            asked = [asyncio.create_task(outcome(client, on, f"burst {i}")) for i in range(calls)]
            while (await asyncio.to_thread(server.stats))["in_flight"] < calls:
                await asyncio.sleep(0.01)
            await asyncio.to_thread(server.change, slots=None)
            return await asyncio.gather(*asked)

        results = with_client(client, burst)
    finally:
        server.change(slots=None)
    assert all(isinstance(result, Completion) for result in results)
