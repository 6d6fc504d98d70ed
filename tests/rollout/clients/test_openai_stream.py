"""Streamed replies through the real client: what comes when, and every way in which they fail."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abgnn.data.backbone import Backbone
from abgnn.rollout.clients.base import CallError, Completion
from abgnn.rollout.clients.openai import OpenAIClient
from abgnn.rollout.clients.openai_reply import clean
from abgnn.rollout.clients.openai_stream import PieceCleaner, StreamedReply
from tests.rollout.helpers import backbone, query
from tests.rollout.test_faults import EXPECTED, SILENT, Seen, billed, messages, with_client
from tests.servers.faults import STREAM_FAULTS
from tests.servers.fixtures import Server, running

KEY = "sk-planted-key"
OF_STREAMS: dict[str, Seen] = {
    "stream-cut": ("connection", None, "unknown"),
    "stream-short": ("malformed", None, "unknown"),
    "stream-no-usage": ("usage", None, "unknown"),
    "stream-malformed": ("malformed", None, "unknown"),
    "stream-error": ("status", 503, "unknown"),
    "stream-huge": ("oversize", None, "unknown"),
    "stream-bytes": ("oversize", None, "unknown"),
    "stream-empty": ("empty", None, "stated"),
    "stream-filter": ("filter", None, "stated"),
    **dict.fromkeys(("stream-blank", "stream-odd", "stream-refusal"), (None, None, "stated")),
}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running(delay_s=0.0) as started:
        yield started


@pytest.fixture
def on(server: Server, monkeypatch: pytest.MonkeyPatch) -> Backbone:
    monkeypatch.setenv("STUB_KEY", KEY)
    return backbone("m", base_url=server.base_url, max_tokens=256, api_key_env="STUB_KEY")


def streamed(on: Backbone, text: str) -> tuple[Completion | CallError, list[str]]:
    client, pieces = OpenAIClient(20.0), list[str]()

    async def work() -> Completion | CallError:
        try:
            return await client.stream(
                on, messages(text), query=query(), sample=0, on_text=pieces.append
            )
        except CallError as error:
            return error

    return with_client(client, work), pieces


def test_pieces_are_the_text_and_tokens_are_the_provider_s(server: Server, on: Backbone) -> None:
    done, pieces = streamed(on, "Right?")
    assert isinstance(done, Completion)
    assert len(pieces) > 5
    assert "".join(pieces) == done.text
    line = server.log()[-1]
    stated = (done.usage.prompt_tokens, done.usage.completion_tokens)
    assert stated == (line["prompt_tokens"], line["completion_tokens"])


def test_every_fault_is_expected_here() -> None:
    assert set(OF_STREAMS) == set(STREAM_FAULTS)


@pytest.mark.parametrize(
    "fault", [*OF_STREAMS, *(name for name, seen in EXPECTED.items() if seen is not SILENT)]
)
def test_fault(server: Server, on: Backbone, fault: str) -> None:
    """Typed and billed as for whole replies; endpoints that do not stream are read like those."""
    result, pieces = streamed(on, f"[[fault:{fault}]] Right?")
    kind, status = (result.kind, result.status) if isinstance(result, CallError) else (None, None)
    assert (kind, status, billed(result)) == (OF_STREAMS | EXPECTED)[fault]
    assert result.service_time > 0
    if isinstance(result, Completion):
        assert "".join(pieces) == result.text
    if result.usage is not None and billed(result) == "stated":
        assert result.usage.completion_tokens == server.log()[-1]["completion_tokens"]


def test_texts_are_clean(on: Backbone) -> None:
    blank, pieces = streamed(on, "[[fault:stream-blank]]")
    assert isinstance(blank, Completion)
    assert (blank.text, pieces) == ("\n A \nB", ["\n A", " ", "\n", "B"])
    odd, pieces = streamed(on, "[[fault:stream-odd]]")
    assert isinstance(odd, Completion)
    assert odd.text == "\U0001f600 \ufffd[31mC"
    assert pieces[0] == "\U0001f600"


@given(st.text(st.sampled_from("\r\n\x1b \ud83d\ude00aské-")), st.data())
def test_a_text_in_pieces_is_cleaned_as_the_whole(text: str, data: st.DataObject) -> None:
    text = text.replace("k", KEY)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)))))
    cleaner = PieceCleaner(KEY)
    edges = zip([0, *cuts], [*cuts, len(text)], strict=True)
    pieces = [cleaner(text[i:j]) for i, j in edges]
    whole = "".join((*pieces, cleaner("", last=True)))
    joined = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    assert whole == clean(joined.replace(KEY, "<key>"))


def test_lines_may_be_cut_anywhere() -> None:
    stream = (
        b': hello\r\n\r\nevent: x\r\ndata:{"choices":[{"delta":{"content":"A"}}]}\r\n\r\n'
        b'data: {"choices":[{"delta":{"content":"B"},"finish_reason":"length"}]}\n\n'
        b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}'
    )
    for n in range(1, len(stream)):
        pieces: list[str] = []
        reply = StreamedReply(pieces.append, 10)
        for i in range(0, len(stream), n):
            reply.feed(stream[i : i + n])
        done = reply.end(1.0)
        assert (done.text, done.finish, pieces) == ("AB", "length", ["A", "B"])
        assert (done.usage.prompt_tokens, done.usage.completion_tokens) == (3, 2)
