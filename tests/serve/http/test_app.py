"""The stock openai client against a running server: answers, streams, budgets, limits, keys."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from threading import Semaphore, Timer

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

import openai

from abgnn.data.query import Query
from abgnn.graph.base_mas import BaseMAS
from abgnn.serve.http.limits import ServeLimits
from abgnn.serve.query_budget import QueryBudget
from abgnn.serve.system import System
from tests.serve.http.helpers import (
    CHAIN,
    KEY,
    Running,
    ask,
    idle,
    left,
    scripted,
    served,
    whole,
)

CONFIG = "simulated/general.yaml"
QUESTION = [{"role": "user", "content": "What is a quark?"}]


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with served(System.load(CONFIG), key=KEY) as running:
        yield running


@pytest.fixture
def client(server: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=server.url, api_key=KEY) as made:
        yield made


def test_a_completion_tells_the_whole_account(server: Running, client: openai.OpenAI) -> None:
    done = client.chat.completions.create(model="abgnn", messages=QUESTION)  # type: ignore[arg-type]
    account = done.model_extra["abgnn"]  # type: ignore[index]
    digest = hashlib.sha256(QUESTION[0]["content"].encode()).hexdigest()[:32]
    plan = server.service.system.plan(Query(f"chat/{digest}", QUESTION[0]["content"], "general"))
    assert done.choices[0].message.content
    assert done.choices[0].finish_reason == "stop"
    assert done.usage is not None
    assert done.usage.prompt_tokens == sum(c["prompt_tokens"] for c in account["calls"])
    assert done.usage.completion_tokens == sum(c["completion_tokens"] for c in account["calls"])
    assert done.usage.total_tokens == done.usage.prompt_tokens + done.usage.completion_tokens
    assert account["cost_usd"] == pytest.approx(sum(c["cost_usd"] for c in account["calls"]))
    assert account["latency_s"] == max(c["end_s"] for c in account["calls"])
    assert account["calls_are"] == "simulated"
    assert [a["backbone"] for a in account["plan"]["agents"]] == [a.backbone for a in plan.agents]
    assert "text" not in account["calls"][0]
    assert "prompt" not in account["plan"]["agents"][0]


def test_a_stream_tells_the_plan_the_calls_the_answer_and_the_account(
    client: openai.OpenAI,
) -> None:
    plain = client.chat.completions.create(model="abgnn", messages=QUESTION)  # type: ignore[arg-type]
    stream = client.chat.completions.create(
        model="abgnn",
        messages=QUESTION,  # type: ignore[arg-type]
        stream=True,
        stream_options={"include_usage": True},
        extra_body={"abgnn": {"trace": True}},
    )
    chunks = list(stream)
    told = [(c.model_extra or {}).get("abgnn", {}) for c in chunks]
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == plain.choices[0].message.content
    assert told[0]["plan"] == plain.model_extra["abgnn"]["plan"]  # type: ignore[index]
    calls = [t["call"] for t in told if "call" in t]
    assert len(calls) == len(told[0]["plan"]["agents"])
    assert any(c["text"] == text for c in calls)
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert told[-2]["cost_usd"] == plain.model_extra["abgnn"]["cost_usd"]  # type: ignore[index]
    assert chunks[-1].usage == plain.usage
    assert len({c.id for c in chunks}) == 1


def test_many_at_once_through_the_async_client(server: Running) -> None:
    async def all_of_them() -> list[str]:
        async with openai.AsyncOpenAI(base_url=server.url, api_key=KEY) as client:
            asked = [
                client.chat.completions.create(
                    model="abgnn", messages=[{"role": "user", "content": f"Question {i}?"}]
                )
                for i in range(60)
            ]
            done = await asyncio.gather(*asked)
            return [d.model_extra["abgnn"]["calls_are"] for d in done]  # type: ignore[index]

    assert asyncio.run(all_of_them()) == ["simulated"] * 60
    idle(server)


@pytest.mark.parametrize("how", ["header", "body"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_budget_that_admits_no_call(client: openai.OpenAI, how: str, stream: bool) -> None:
    where = (
        {"extra_headers": {"X-Abgnn-Cost-Usd": "1e-7"}}
        if how == "header"
        else {"extra_body": {"abgnn": {"cost_usd": 1e-7}}}
    )
    before = client.with_options(max_retries=2)
    with pytest.raises(openai.APIError) as failed:
        list(
            before.chat.completions.create(  # type: ignore[call-overload]
                model="abgnn", messages=QUESTION, stream=stream, **where
            )
        )
    body = failed.value.body
    assert isinstance(body, dict)
    assert body["code"] == "budget"
    if not stream:
        assert isinstance(failed.value, openai.UnprocessableEntityError)


def test_the_account_has_the_servers_own_budget_where_a_question_states_none(mas: BaseMAS) -> None:
    system, _ = scripted(mas)
    system.budget = QueryBudget(2.0, 90.0)
    with served(system) as running:
        _, plain = running.post(ask())
        _, stated = running.post(ask(abgnn={"cost_usd": 3.0}))
    assert plain["abgnn"]["budget"] == {"cost_usd": 2.0, "latency_s": 90.0}
    assert stated["abgnn"]["budget"] == {"cost_usd": 3.0, "latency_s": 90.0}


def test_models_health_metrics_and_keys(server: Running, client: openai.OpenAI) -> None:
    assert [m.id for m in client.models.list()] == ["abgnn"]
    assert client.models.retrieve("abgnn").owned_by == "abgnn"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-4")
    with pytest.raises(openai.NotFoundError, match="does not exist"):
        client.chat.completions.create(model="gpt-4", messages=QUESTION)  # type: ignore[arg-type]
    for wrong in ("sk-wrong", KEY + "x", "ключ"):
        code, said = server.post(ask(), f"Authorization: Bearer {wrong}".encode().decode("latin-1"))
        assert (code, said["error"]["code"]) == (401, "invalid_api_key")
    for tricks in (
        [], [f"Authorization: Basic {KEY}"], [f"X-Api-Key: {KEY}"], [f"Authorization: {KEY}"],
        ["Authorization: Bearer a", f"Authorization: Bearer {KEY}"],
    ):  # fmt: skip
        assert server.post(ask(), *tricks)[0] == 401
    assert server.raw(b"GET /healthz HTTP/1.0\r\n\r\n").endswith(
        b'{"status":"ok","calls_are":"simulated"}'
    )
    assert b"401" in server.raw(b"GET /metrics HTTP/1.0\r\n\r\n")
    text = server.raw(f"GET /metrics HTTP/1.0\r\nAuthorization: Bearer {KEY}\r\n\r\n".encode())
    assert b'abgnn_calls_total{backbone="' in text
    assert b'calls_are="simulated"' in text
    assert b'abgnn_requests_total{status="200"}' in text
    assert b"abgnn_in_flight 0.0" in text


def test_other_pages_and_methods(server: Running) -> None:
    code, said = server.post(ask(), path="/v1/completions")
    assert (code, said["error"]["code"]) == (404, "unknown_url")
    assert b"405" in server.raw(b"GET /v1/chat/completions HTTP/1.0\r\n\r\n")


def test_too_many_questions_at_once(mas: BaseMAS) -> None:
    system, llm = scripted(mas)
    llm.gate = Semaphore(0)
    with served(system, ServeLimits(concurrent=2)) as server, ThreadPoolExecutor(3) as threads:
        asked = [threads.submit(server.post, ask(f"Q{i}?")) for i in range(3)]
        first = next(as_completed(asked)).result()[0]  # the others cannot be answered yet
        llm.gate.release(99)
        assert first == 429
        assert sorted(a.result()[0] for a in asked) == [200, 200, 429]
        code, said = server.post(ask("Again?"))
        assert code == 200, said


def test_a_client_that_goes_away_stops_the_calls(mas: BaseMAS) -> None:
    for stream in (False, True):
        system, llm = scripted(mas)
        llm.gate = Semaphore(0)
        with served(system) as server:
            with socket.create_connection(server.address) as sock:
                sock.sendall(whole(ask(stream=stream)))
                while not llm.running:
                    time.sleep(0.005)
            left(server, 1)
            llm.gate.release(99)
            idle(server)
            text = server.raw(b"GET /metrics HTTP/1.0\r\n\r\n")
        assert [name for name, _ in llm.told] == CHAIN[:1]
        assert b'abgnn_abandoned_total{calls_are="scripted"} 1.0' in text
        assert b'abgnn_failures_total{calls_are="scripted",kind="cancelled"} 1.0' in text
        assert b'abgnn_calls_total{backbone="small",calls_are="scripted"}' in text  # booked


def test_a_server_that_stops_finishes_what_is_under_way(mas: BaseMAS) -> None:
    system, llm = scripted(mas)
    llm.gate = Semaphore(0)
    with ThreadPoolExecutor(1) as threads:
        with served(system) as server:
            asked = threads.submit(server.post, ask())
            while not llm.running:
                time.sleep(0.005)
            Timer(0.3, llm.gate.release, [99]).start()  # while it stops
        assert asked.result()[0] == 200
    assert len(llm.told) == 3
    assert llm.closed == 1


def test_planned_budgets_that_cannot_be_met_are_told(calibration_file: str) -> None:
    with served(System.load(calibration_file, config=CONFIG)) as server:
        for stream in (False, True):
            code, said = server.post(ask(abgnn={"cost_usd": 1e-9}, stream=stream))
            assert (code, said["error"]["param"]) == (400, "cost_usd")
            assert "at least" in said["error"]["message"]
        code, said = server.post(ask(abgnn={"cost_usd": 1e-3}))
        assert code == 200
        assert said["abgnn"]["budget"] == {"cost_usd": 1e-3, "latency_s": None}
