"""`OpenAIClient` against a real HTTP server on this machine that misbehaves on demand."""

from __future__ import annotations

import asyncio
import json
import logging
import pickle
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from abgnn.data.backbone import Backbone, Usage
from abgnn.data.catalogue import Catalogue
from abgnn.data.template import Role
from abgnn.errors import ConfigError, EndpointError
from abgnn.rollout import CallError, Completion, Executor, Messages, OpenAIClient
from tests.rollout.helpers import backbone, plan, query

KEY = "sk-very-secret-123"
GOOD = {
    "choices": [{"message": {"role": "assistant", "content": "B"}, "finish_reason": "stop"}],
    "usage": {
        "prompt_tokens": 11,
        "completion_tokens": 7,
        "total_tokens": 18,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 5},
    },
}


@dataclass
class Endpoint:
    """What the server answers next, and what it was asked."""

    body: bytes = json.dumps(GOOD).encode()
    status: int = 200
    delay: float = 0.0
    models: int = 200
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    running: int = 0
    most: int = 0
    url: str = ""


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    state, lock = Endpoint(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.keys.append(self.headers["Authorization"])
            said = f'{{"error": {{"message": "no entry for {KEY}"}}}}'
            self.reply(state.models, b'{"data": []}' if state.models == 200 else said.encode())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with lock:
                state.asked.append(json.loads(body))
                state.running += 1
                state.most = max(state.most, state.running)
            time.sleep(state.delay)
            with lock:
                state.running -= 1
            self.reply(state.status, state.body)

        def reply(self, status: int, body: bytes) -> None:
            try:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except ConnectionError:
                pass  # the client has given up

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    state.url = f"http://127.0.0.1:{server.server_port}/v1"
    yield state
    server.shutdown()
    server.server_close()


@pytest.fixture
def remote(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> Backbone:
    monkeypatch.setenv("TEST_LLM_KEY", KEY)
    return backbone("m", model="vendor/m", base_url=endpoint.url, api_key_env="TEST_LLM_KEY")


def call(on: Backbone, timeout_s: float = 10.0) -> Completion:
    async def once() -> Completion:
        client = OpenAIClient(timeout_s)
        messages = Messages(Role("Critic", "Be strict."), "Right?", suffix="/no_think")
        try:
            return await client.complete(on, messages, query=query(), sample=0)
        finally:
            await client.aclose()

    return asyncio.run(once())


def changed(on: Backbone, **changes: object) -> Backbone:
    base = {"model": on.model, "base_url": on.base_url, "api_key_env": on.api_key_env}
    return backbone(on.name, **(base | changes))


def test_good_call_sends_the_agreed_request(remote: Backbone, endpoint: Endpoint) -> None:
    endpoint.delay = 0.05
    done = call(changed(remote, max_tokens=64, extra_body={"enable_thinking": False}))
    assert (done.text, done.usage) == ("B", Usage(11, 7, 4, 5))
    assert 0.05 <= done.service_time < 2
    assert endpoint.asked == [
        {
            "model": "vendor/m",
            "messages": [
                {"role": "system", "content": "Be strict."},
                {"role": "user", "content": "Right?\n\n/no_think"},
            ],
            "temperature": 0,
            "max_tokens": 64,
            "enable_thinking": False,
        }
    ]


def test_optional_fields_are_left_out(remote: Backbone, endpoint: Endpoint) -> None:
    endpoint.body = json.dumps(
        {**GOOD, "usage": {"prompt_tokens": 3, "completion_tokens": 0}}
    ).encode()
    assert call(remote).usage == Usage(3, 0, 0, 0)
    assert set(endpoint.asked[0]) == {"model", "messages", "temperature"}


def test_the_request_is_what_is_sent(remote: Backbone, endpoint: Endpoint) -> None:
    on = changed(remote, max_tokens=64, extra_body={"enable_thinking": False, "top_k": 1})
    messages = Messages(Role("Critic", "Be strict."), "Half a \ud83c pair?", suffix="/no_think")
    client = OpenAIClient(10)
    request = client.request(on, messages, query())
    assert request["parameters"] == {
        "temperature": 0,
        "max_tokens": 64,
        "extra_body": {"enable_thinking": False, "top_k": 1},
    }

    async def once() -> None:
        await client.complete(on, messages, query=query(), sample=0)
        await client.aclose()

    asyncio.run(once())
    extra = request["parameters"].pop("extra_body")
    sent = {"model": request["model"], "messages": request["messages"]}
    assert endpoint.asked == [{**sent, **request["parameters"], **extra}]
    assert sent["messages"][1]["content"] == "Half a \ufffd pair?\n\n/no_think"


def test_endpoints_are_told_apart_by_address_and_model(remote: Backbone) -> None:
    client = OpenAIClient()
    assert client.endpoint(remote) == f"{remote.base_url} vendor/m"
    secret = changed(remote, base_url=f"http://me:{KEY}@127.0.0.1:1/v1?key={KEY}")
    assert client.endpoint(secret) == "http://127.0.0.1:1/v1 vendor/m"


@pytest.mark.parametrize(
    ("body", "kind", "billed"),
    [
        (json.dumps({"choices": GOOD["choices"]}), "usage", None),
        (json.dumps({**GOOD, "usage": {"prompt_tokens": None}}), "usage", None),
        (json.dumps({**GOOD, "choices": []}), "empty", Usage(11, 7, 4, 5)),
        (json.dumps({"error": {"message": "overloaded"}}), "empty", None),
        (json.dumps({**GOOD, "choices": ["B"]}), "malformed", Usage(11, 7, 4, 5)),
        ('{"choices": [', "malformed", None),
        ("[]", "malformed", None),
        ("", "malformed", None),
    ],
)
def test_unusable_replies(
    remote: Backbone, endpoint: Endpoint, body: str, kind: str, billed: Usage | None
) -> None:
    endpoint.body = body.encode()
    with pytest.raises(CallError) as caught:
        call(remote)
    assert (caught.value.kind, caught.value.usage) == (kind, billed)


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_http_errors_are_not_retried_and_hide_the_key(
    remote: Backbone, endpoint: Endpoint, status: int
) -> None:
    endpoint.status, endpoint.body = status, json.dumps({"error": f"bad key {KEY}"}).encode()
    with pytest.raises(CallError) as caught:
        call(remote)
    assert (caught.value.kind, caught.value.status) == ("status", status)
    assert str(status) in str(caught.value)
    assert KEY not in str(caught.value)
    assert len(endpoint.asked) == 1


def test_slow_endpoint_times_out(remote: Backbone, endpoint: Endpoint) -> None:
    endpoint.delay = 3.0
    with pytest.raises(CallError, match=r"no reply within 0\.\d s") as caught:
        call(remote, timeout_s=0.2)
    assert caught.value.kind == "timeout"
    assert caught.value.service_time >= 0.2


def closed_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


def test_refused_connection(remote: Backbone) -> None:
    with pytest.raises(CallError) as caught:
        call(changed(remote, base_url=f"http://127.0.0.1:{closed_port()}/v1"))
    assert caught.value.kind == "connection"


def test_slots_bound_concurrency_and_waiting_is_no_service_time(
    remote: Backbone, endpoint: Endpoint
) -> None:
    endpoint.delay = 0.1
    narrow = changed(remote, max_concurrency=2)
    plans = [plan("a", [], of=query(i), on="m") for i in range(6)]
    with Executor(OpenAIClient(), Catalogue((narrow,))) as executor:
        outcomes = executor.run([*plans, plans[0]], samples=[0] * 6 + [1])
        assert [o.error for o in outcomes] == [None] * 7
        assert executor.run(plans[:1])[0].answer == "B", "a second run on the same loop"
    assert endpoint.most == 2
    assert len(endpoint.asked) == 8, "two samples of one query are two calls"
    assert max(o.latency for o in outcomes) < 0.3
    assert max(o.wall_time for o in outcomes) > 0.35


def test_one_client_serves_executor_after_executor(remote: Backbone) -> None:
    client = OpenAIClient()
    for _ in range(2):
        with Executor(client, Catalogue((remote,))) as executor:
            executor.check()
            assert executor.run([plan("a", [], on="m")])[0].error is None


def test_check_names_the_missing_variable(
    remote: Backbone, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_LLM_KEY", "  ")
    with pytest.raises(EndpointError, match=r"backbone m: .*TEST_LLM_KEY is not set"):
        OpenAIClient().check([remote])
    assert endpoint.keys == [], "nothing was sent"


def test_check_names_the_dead_endpoint(remote: Backbone) -> None:
    url = f"http://127.0.0.1:{closed_port()}/v1"
    with pytest.raises(EndpointError, match=f"backbone m: the endpoint {url} does not answer"):
        OpenAIClient().check([changed(remote, base_url=url)])


@pytest.mark.parametrize("status", [401, 403])
def test_check_says_that_the_key_was_refused(
    remote: Backbone, endpoint: Endpoint, status: int
) -> None:
    endpoint.models = status
    with pytest.raises(EndpointError, match="refused the key in TEST_LLM_KEY") as caught:
        OpenAIClient().check([remote])
    assert KEY not in str(caught.value)
    assert endpoint.keys == [f"Bearer {KEY}"], "no retry"


def test_check_accepts_an_endpoint_without_a_model_list(
    remote: Backbone, endpoint: Endpoint
) -> None:
    endpoint.models = 404
    OpenAIClient().check([remote, changed(remote, model="vendor/other")])
    assert len(endpoint.keys) == 1, "one look per endpoint and key"
    assert endpoint.asked == [], "no completion is paid for"


def test_check_reports_a_broken_server(remote: Backbone, endpoint: Endpoint) -> None:
    endpoint.models = 503
    with pytest.raises(EndpointError, match="HTTP 503"):
        OpenAIClient().check([remote])


def test_a_key_of_another_vendor_is_never_sent_along(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    OpenAIClient().check([backbone("open", base_url=endpoint.url)])
    assert endpoint.keys == ["Bearer none"]


def test_keys_are_in_no_log_repr_or_pickle(
    remote: Backbone, endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint.status = 500
    client = OpenAIClient(5)
    with caplog.at_level(logging.DEBUG), Executor(client, Catalogue((remote,))) as executor:
        executor.check()
        (outcome,) = executor.run([plan("a", [], on="m")])
        shown = repr(client) + str(pickle.dumps(client))
    assert outcome.error is not None
    assert KEY not in caplog.text + shown + repr(outcome)
    assert repr(client) == "OpenAIClient(timeout_s=5)"


@pytest.mark.parametrize("before", [0, 465, 472])
def test_an_endpoint_that_repeats_the_key_gives_it_to_nobody(
    remote: Backbone, endpoint: Endpoint, before: int
) -> None:
    said = "x" * before + f" your key is {KEY}"
    message = {"role": "assistant", "content": said}
    endpoint.body = json.dumps({**GOOD, "choices": [{"message": message}]}).encode()
    assert call(remote).text == said.replace(KEY, "<key>")
    for status, body in [(200, {"error": {"message": said}}), (400, {"error": {"message": said}})]:
        endpoint.status, endpoint.body = status, json.dumps(body).encode()
        with pytest.raises(CallError) as caught:
            call(remote)
        assert KEY[:6] not in str(caught.value), "not even a part, where the message is cut"


def test_the_word_for_no_key_is_left_alone(endpoint: Endpoint) -> None:
    message = {"role": "assistant", "content": "none of them"}
    endpoint.body = json.dumps({**GOOD, "choices": [{"message": message}]}).encode()
    assert call(backbone("open", base_url=endpoint.url)).text == "none of them"
    endpoint.status = 400
    endpoint.body = b'{"error": {"message": "none of them"}}'
    with pytest.raises(CallError, match="none of them"):
        call(backbone("open", base_url=endpoint.url))


def test_a_key_that_is_none_is_refused_unseen(
    remote: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    for wrong in (f"{KEY}\n{KEY}", f"{KEY} {KEY}", f"{KEY}é"):
        monkeypatch.setenv("TEST_LLM_KEY", wrong)
        with pytest.raises(EndpointError, match="TEST_LLM_KEY holds characters") as caught:
            OpenAIClient().check([remote])
        assert KEY not in str(caught.value)


def test_url_is_shown_without_credentials() -> None:
    url = f"http://user:{KEY}@127.0.0.1:{closed_port()}/v1?token={KEY}"
    with pytest.raises(EndpointError) as caught:
        OpenAIClient().check([backbone("m", base_url=url)])
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("wrong", [{"timeout_s": 0}, {"max_body_bytes": 0}, {"max_chars": 0}])
def test_impossible_settings(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=f"OpenAIClient.{next(iter(wrong))}"):
        OpenAIClient(**wrong)
