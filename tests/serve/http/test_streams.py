"""Streams by the stock openai client: tokens as they are written, and clients that leave."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

import openai

from abgnn.data.outcome import Outcome
from abgnn.graph.base_mas import BaseMAS
from abgnn.rollout import Caps, Recording, RolloutSettings
from abgnn.serve import AnswerPart
from tests.serve.http.helpers import KEY, Running, ask, idle, left, line_of, real, served
from tests.servers.fixtures import Server, running


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("STUB_KEY", KEY)
    with running(delay_s=0.0) as started:
        yield started


@pytest.fixture
def server(mas: BaseMAS, stub: Server, tmp_path: Path) -> Iterator[Running]:
    recording = Recording(str(tmp_path / "calls.sqlite"))
    settings = RolloutSettings(recording=recording, caps=Caps(run_usd=1.0))
    with served(real(mas, stub.base_url, settings)) as started:
        yield started


@pytest.fixture
def client(server: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=server.url, api_key="any", max_retries=0) as made:
        yield made


def text_of(chunk: openai.types.chat.ChatCompletionChunk) -> str:
    return chunk.choices[0].delta.content or "" if chunk.choices else ""


def test_several_chunks_arrive_before_the_reply_is_over(
    stub: Server, server: Running, client: openai.OpenAI
) -> None:
    stub.change(events=4)  # of every stream: the last agent's alone is one
    options = {"stream": True, "stream_options": {"include_usage": True}}
    stream = client.chat.completions.create(**ask(**options))
    begun: list[str] = []
    while len(begun) < 2:
        begun += [text for text in [text_of(next(stream))] if text]
    assert stub.stats()["in_flight"] == 1
    assert server.service.in_flight == 1
    stub.change(events=None)
    chunks = list(stream)
    text = "".join((*begun, *map(text_of, chunks)))
    assert len(begun) + sum(bool(text_of(chunk)) for chunk in chunks) > 3
    line = line_of(server, "abgnn_first_token_seconds_count")
    assert line.endswith(" 1.0")
    again = client.chat.completions.create(**ask())
    account = again.model_extra["abgnn"]
    assert again.choices[0].message.content == text
    assert again.usage == chunks[-1].usage
    assert account["paid_usd"] == 0
    once_more = list(client.chat.completions.create(**ask(**options)))
    assert [text_of(c) for c in once_more if text_of(c)] == [text], "at once"
    assert len(stub.log()) == 3


def test_a_client_that_leaves_ends_the_call_which_is_booked(
    stub: Server, server: Running, client: openai.OpenAI, tmp_path: Path
) -> None:
    stub.change(events=3)
    stream = client.chat.completions.create(**ask(stream=True))
    while not text_of(next(stream)):
        pass
    stream.close()
    left(server, 1)
    idle(server)
    while stub.stats()["in_flight"]:
        pass
    with closing(sqlite3.connect(tmp_path / "calls.sqlite")) as file:
        query = "SELECT error, uncertain, state FROM attempts ORDER BY id"
        assert file.execute(query).fetchall() == [
            (None, 0, "settled"), (None, 0, "settled"), ("cancelled", 1, "settled")
        ]  # fmt: skip
        assert file.execute("SELECT SUM(reserved) FROM accounts").fetchall() == [(0,)]
    assert "} 1.0" in line_of(server, "abgnn_failures_total")


def test_a_reply_that_breaks_off_ends_the_stream_with_an_error(
    stub: Server, client: openai.OpenAI
) -> None:
    stream = client.chat.completions.create(**ask("[[fault:stream-short]] Right?", stream=True))
    pieces: list[str] = []
    with pytest.raises(openai.APIError) as failed:
        pieces.extend(text_of(chunk) for chunk in stream)
    assert any(pieces)
    body = failed.value.body
    assert isinstance(body, dict)
    assert body["code"] == "malformed"


def test_python_gets_pieces_where_it_wants_them(mas: BaseMAS, stub: Server) -> None:
    with real(mas, stub.base_url) as system:
        *events, outcome = system.stream("What is a quark?", parts=True)
        plain = list(system.stream("What is a quark?"))
    assert isinstance(outcome, Outcome)
    pieces = [event.text for event in events if isinstance(event, AnswerPart)]
    assert len(pieces) > 2
    assert "".join(pieces) == outcome.answer
    assert not any(isinstance(event, AnswerPart) for event in plain)
