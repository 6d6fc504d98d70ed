"""The Responses API through the stock openai client: answers, typed events, budgets, refusals."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from threading import Semaphore
from typing import Any

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

import openai
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from abgnn.graph.base_mas import BaseMAS
from abgnn.rollout import Completion
from abgnn.serve.http.limits import ServeLimits
from abgnn.serve.system import System
from tests.rollout.helpers import Scripted
from tests.serve.http.helpers import (
    CHAIN,
    KEY,
    Running,
    ask,
    idle,
    left,
    line_of,
    real,
    scripted,
    served,
)
from tests.servers.fixtures import Server, running

QUESTION = "What is a quark?"
TEXT_EVENTS = [
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
]


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with served(System.load("simulated/general.yaml"), key=KEY) as started:
        yield started


@pytest.fixture
def client(server: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=server.url, api_key=KEY) as made:
        yield made


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("STUB_KEY", KEY)
    with running(delay_s=0.0) as started:
        yield started


def account(made: Any) -> dict[str, Any]:
    found: dict[str, Any] = (made.model_extra or {})["abgnn"]
    return found


def kinds(events: list[ResponseStreamEvent]) -> list[str]:
    """Types of events, in order; those that tell of calls, and further pieces, count once."""
    types = [event.type for event in events]
    return [t for i, t in enumerate(types) if i == 0 or t != types[i - 1]]


def test_a_response_tells_the_whole_account(client: openai.OpenAI) -> None:
    made = client.responses.create(model="abgnn", input=QUESTION, instructions="Be brief.")
    told = account(made)
    assert made.output_text
    assert (made.object, made.status, made.error) == ("response", "completed", None)
    assert made.output[0].type == "message"
    assert made.output[0].status == "completed"
    assert made.instructions == "Be brief."
    assert made.usage is not None
    assert made.usage.input_tokens == sum(c["prompt_tokens"] for c in told["calls"])
    assert made.usage.output_tokens == sum(c["completion_tokens"] for c in told["calls"])
    assert made.usage.total_tokens == made.usage.input_tokens + made.usage.output_tokens
    assert told["cost_usd"] == pytest.approx(sum(c["cost_usd"] for c in told["calls"])) != 0
    assert told["latency_s"] == max(c["end_s"] for c in told["calls"])
    assert told["calls_are"] == "simulated"
    assert len(told["plan"]["agents"]) == len(told["calls"])
    kept = Response.model_validate_json(made.model_dump_json())  # strictly as the client types it
    assert account(kept) == told


def test_it_answers_as_chat_completions_do(client: openai.OpenAI) -> None:
    """One conversation is one question, by whichever API it comes."""
    turns = [("system", "Be brief."), ("user", "Hello"), ("assistant", "Hi."), ("user", QUESTION)]
    messages: Any = [{"role": role, "content": text} for role, text in turns]
    chat = client.chat.completions.create(model="abgnn", messages=messages)
    made = client.responses.create(model="abgnn", input=messages[1:], instructions="Be brief.")
    assert made.output_text == chat.choices[0].message.content
    assert made.usage is not None
    assert chat.usage is not None
    assert made.usage.total_tokens == chat.usage.total_tokens
    assert {**account(made), "wall_s": 0} == {**account(chat), "wall_s": 0}


def test_an_answer_may_be_sent_back(client: openai.OpenAI) -> None:
    first = client.responses.create(model="abgnn", input=QUESTION)
    items: Any = [
        {"role": "user", "content": [{"type": "input_text", "text": QUESTION}]},
        *(item.model_dump() for item in first.output),
        {"type": "message", "role": "user", "content": "And a lepton?"},
    ]
    text = f"User: {QUESTION}\n\nAssistant: {first.output_text}\n\nUser: And a lepton?"
    again = client.responses.create(model="abgnn", input=items)
    assert again.output_text == client.responses.create(model="abgnn", input=text).output_text


def test_a_stream_has_typed_events_in_their_order(client: openai.OpenAI) -> None:
    whole = client.responses.create(model="abgnn", input=QUESTION)
    events = list(client.responses.create(model="abgnn", input=QUESTION, stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert kinds(events) == [
        "response.created", "response.in_progress", *TEXT_EVENTS, "response.completed",
    ]  # fmt: skip
    strict: TypeAdapter[ResponseStreamEvent] = TypeAdapter(ResponseStreamEvent)
    assert [strict.validate_json(event.model_dump_json()).type for event in events] == [
        event.type for event in events
    ]  # the client itself builds them unchecked
    text = "".join(e.delta for e in events if e.type == "response.output_text.delta")
    done = events[-1]
    assert done.type == "response.completed"
    assert text == done.response.output_text == whole.output_text
    assert done.response.usage == whole.usage
    first = events[0]
    assert first.type == "response.created"
    assert account(first.response)["plan"] == account(whole)["plan"]
    calls = [account(e)["call"] for e in events[2:] if e.type == "response.in_progress"]
    assert calls == account(done.response)["calls"]
    ids = {e.response.id for e in events if hasattr(e, "response")}
    assert len(ids) == 1


def test_the_clients_own_accumulator_takes_the_stream(client: openai.OpenAI) -> None:
    with client.responses.stream(model="abgnn", input=QUESTION) as stream:
        snapshots = [e.snapshot for e in stream if e.type == "response.output_text.delta"]
        final = stream.get_final_response()
    assert snapshots[-1] == final.output_text
    assert account(final)["cost_usd"] > 0


def test_tokens_come_as_they_are_written(mas: BaseMAS, stub: Server) -> None:
    with (
        served(real(mas, stub.base_url)) as server,
        openai.OpenAI(base_url=server.url, api_key="any", max_retries=0) as client,
    ):
        stub.change(events=4)  # of every stream: the last agent's alone is one
        stream = client.responses.create(model="abgnn", input=QUESTION, stream=True)
        begun: list[ResponseStreamEvent] = []
        while sum(event.type == "response.output_text.delta" for event in begun) < 2:
            begun.append(next(stream))
        assert stub.stats()["in_flight"] == 1
        stub.change(events=None)
        events = [*begun, *stream]
        pieces = [e.delta for e in events if e.type == "response.output_text.delta"]
        done = events[-1]
        assert done.type == "response.completed"
        assert done.response.output_text == "".join(pieces)
        assert len(pieces) > 3
        assert line_of(server, "abgnn_first_token_seconds_count").endswith(" 1.0")
        left_early = client.responses.create(model="abgnn", input="Bye?", stream=True)
        stub.change(events=3)
        while next(left_early).type != "response.output_text.delta":
            pass
        left_early.close()
        left(server, 1)
        idle(server)


def test_a_reply_that_breaks_off_fails_the_response(mas: BaseMAS, stub: Server) -> None:
    with (
        served(real(mas, stub.base_url)) as server,
        openai.OpenAI(base_url=server.url, api_key="any", max_retries=0) as client,
    ):
        broken = "[[fault:stream-short]] Right?"
        events = list(client.responses.create(model="abgnn", input=broken, stream=True))
    last = events[-1]
    assert "response.output_text.delta" in kinds(events)
    assert last.type == "response.failed"
    assert last.response.status == "failed"
    assert last.response.error is not None
    assert last.response.error.type == "malformed"
    assert len(account(last.response)["calls"]) == 3
    assert last.response.usage is not None
    assert last.response.usage.input_tokens > 0


@pytest.mark.parametrize("stream", [False, True])
def test_a_cut_answer_is_incomplete(
    mas: BaseMAS, monkeypatch: pytest.MonkeyPatch, stream: bool
) -> None:
    system, _ = scripted(mas)
    original = Scripted.complete

    async def cut(self: Scripted, *args: Any, **kwargs: Any) -> Completion:
        return replace(await original(self, *args, **kwargs), finish="length")

    monkeypatch.setattr(Scripted, "complete", cut)
    with served(system) as server, openai.OpenAI(base_url=server.url, api_key="any") as client:
        made: Any = client.responses.create(model="abgnn", input=QUESTION, stream=stream)
        if stream:
            last = list(made)[-1]
            assert last.type == "response.incomplete"
            made = last.response
    assert made.status == made.output[0].status == "incomplete"
    assert made.incomplete_details.reason == "max_output_tokens"
    assert made.output_text


@pytest.mark.parametrize(
    "where",
    [
        {"metadata": {"abgnn.cost_usd": "1e-7", "team": "red"}},
        {"extra_body": {"abgnn": {"cost_usd": 1e-7}}},
        {"extra_headers": {"X-Abgnn-Cost-Usd": "1e-7"}},
    ],
    ids=["metadata", "body", "header"],
)
def test_a_budget_that_admits_no_call(client: openai.OpenAI, where: dict[str, Any]) -> None:
    """An error in OpenAI's shape, which is not tried again, and a stream's last event."""
    with pytest.raises(openai.UnprocessableEntityError) as failed:
        client.responses.create(model="abgnn", input=QUESTION, **where)
    assert isinstance(failed.value.body, dict)
    assert failed.value.body["code"] == "budget"
    assert failed.value.response.headers["x-should-retry"] == "false"
    assert failed.value.response.json()["abgnn"]["budget"]["cost_usd"] == 1e-7
    *_, last = client.responses.create(model="abgnn", input=QUESTION, stream=True, **where)
    assert last.type == "response.failed"
    assert last.response.error is not None
    assert last.response.error.type == "budget"
    assert account(last.response)["budget"] == {"cost_usd": 1e-7, "latency_s": None}


def test_metadata_is_kept_and_states_budgets(client: openai.OpenAI) -> None:
    pairs = {"abgnn.cost_usd": "0.01", "abgnn.latency_s": "60", "team": "red"}
    made = client.responses.create(model="abgnn", input=QUESTION, metadata=pairs)
    assert made.metadata == pairs
    assert account(made)["budget"] == {"cost_usd": 0.01, "latency_s": 60.0}
    messages: Any = [{"role": "user", "content": QUESTION}]
    chat = client.chat.completions.create(model="abgnn", messages=messages, metadata=pairs)
    assert account(chat)["budget"] == {"cost_usd": 0.01, "latency_s": 60.0}
    assert account(chat)["ignored"] == []


def test_what_changes_nothing_is_named(client: openai.OpenAI) -> None:
    made = client.responses.create(
        model="abgnn",
        input=QUESTION,
        temperature=0.2,
        max_output_tokens=7,
        reasoning={"effort": "low"},
        store=True,
        tools=[],
        text={"format": {"type": "text"}},
        previous_response_id=None,
    )
    ignored = account(made)["ignored"]
    assert {"temperature", "max_output_tokens", "reasoning", "store"} <= set(ignored)
    assert made.model_extra is not None
    assert made.model_extra["store"] is False


def test_responses_are_not_stored(server: Running, client: openai.OpenAI) -> None:
    made = client.responses.create(model="abgnn", input=QUESTION)
    for look_up in (
        client.responses.retrieve,
        client.responses.delete,
        client.responses.cancel,
        lambda name: list(client.responses.input_items.list(name)),
    ):
        with pytest.raises(openai.NotFoundError, match="not stored"):
            look_up(made.id)
    code, _ = server.post(b"", path="/v1/responses/../../etc/passwd")
    assert code == 401
    for path in ("/v1/responses/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "/v1/responses//etc/passwd"):
        code, said = server.post(b"{}", f"Authorization: Bearer {KEY}", path=path)
        assert (code, said["error"]["code"]) == (404, "unsupported")


def test_the_key_and_the_number_at_once_hold_here_too(mas: BaseMAS) -> None:
    system, llm = scripted(mas)
    llm.gate = Semaphore(0)
    body = {"model": "abgnn", "input": QUESTION}
    with served(system, ServeLimits(concurrent=1), KEY) as server:
        assert server.post(body, path="/v1/responses")[0] == 401
        with socket.create_connection(server.address) as sock:
            data = b'{"model":"abgnn","input":"First?"}'
            head = (
                f"POST /v1/responses HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {KEY}\r\n"
            )
            sock.sendall(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)
            while not llm.running:
                time.sleep(0.005)
            for path, asked in (("/v1/responses", body), ("/v1/chat/completions", ask())):
                code, said = server.post(asked, f"Authorization: Bearer {KEY}", path=path)
                assert (code, said["error"]["code"]) == (429, "rate_limit_exceeded")
        while "} 1.0" not in line_with_key(server, "abgnn_abandoned_total"):
            time.sleep(0.005)
        llm.gate.release(99)
        idle(server)
    assert [name for name, _ in llm.told] == CHAIN[:1]


def line_with_key(server: Running, metric: str) -> str:
    head = f"GET /metrics HTTP/1.0\r\nAuthorization: Bearer {KEY}\r\n\r\n"
    lines = server.raw(head.encode()).decode().splitlines()
    return next((line for line in lines if line.startswith(metric)), "")
