"""Reading replies: every oddity is a text or a typed error, and says what was billed."""

from __future__ import annotations

import json
import sqlite3
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abgnn.data.backbone import Usage
from abgnn.rollout.clients.base import CallError, Completion
from abgnn.rollout.clients.openai_reply import clean, read_reply

BILLED = Usage(11, 7, 0, 0)
STATED = {"prompt_tokens": 11, "completion_tokens": 7}


def reply(content: Any = "B", finish: Any = "stop", **fields: Any) -> bytes:
    message = {"role": "assistant", "content": content}
    whole = {"choices": [{"message": message, "finish_reason": finish}], "usage": STATED}
    return json.dumps(whole | fields).encode()


def read(body: bytes, max_chars: int = 1000) -> Completion:
    return read_reply(body, 0.5, max_chars)


def failure(body: bytes, max_chars: int = 1000) -> CallError:
    with pytest.raises(CallError) as caught:
        read(body, max_chars)
    assert caught.value.service_time == 0.5
    return caught.value


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("B", "B"),
        ([{"type": "text", "text": "B"}, {"type": "text", "text": "!"}], "B!"),
        (["B", "!"], "B!"),
        ([{"type": "thinking", "thinking": [{"text": "hm"}]}, {"text": "B"}], "B"),
        ([{"type": "refusal", "refusal": "No."}], "No."),
        ("a\r\nb\rc\td\n", "a\nb\nc\td\n"),
        ("x\0y\x1b[31m\x7f\x9b", "xy[31m"),
        ("\ud800 ok \udfff", "\ufffd ok \ufffd"),
        ("naïve 数学 🎉 e\u0301 \u202e", "naïve 数学 🎉 e\u0301 \u202e"),
    ],
)
def test_texts(content: Any, text: str) -> None:
    assert read(reply(content)) == Completion(text, BILLED, 0.5, "stop")


@pytest.mark.parametrize(
    ("given", "said"),
    [("length", "length"), ("stop", "stop"), ("tool_calls", "stop"), (None, "stop"), (3, "stop")],
)
def test_finish(given: Any, said: str) -> None:
    assert read(reply(finish=given)).finish == said


def test_a_refusal_is_an_answer() -> None:
    message = {"content": None, "refusal": "I cannot help with that."}
    assert read(reply(choices=[{"message": message}])).text == "I cannot help with that."


@pytest.mark.parametrize(
    ("content", "finish", "kind"),
    [
        ("", "stop", "empty"),
        (None, "stop", "empty"),
        (" \n\t\u00a0 ", "stop", "empty"),
        ("\0\x1b", "stop", "empty"),
        ("", "length", "empty"),
        ([], "stop", "empty"),
        ([{"type": "image_url", "image_url": {"url": "x"}}], "stop", "empty"),
        ("Half an", "content_filter", "filter"),
        (None, "content_filter", "filter"),
        (42, "stop", "malformed"),
        (True, "stop", "malformed"),
        ({"text": "B"}, "stop", "malformed"),
        ([3], "stop", "malformed"),
        ([{"text": 3}], "stop", "malformed"),
        ("A" * 1001, "stop", "oversize"),
    ],
)
def test_what_is_of_no_use_is_billed(content: Any, finish: str, kind: str) -> None:
    error = failure(reply(content, finish))
    assert (error.kind, error.usage) == (kind, BILLED)
    unknown = failure(reply(content, finish, usage=None))
    assert (unknown.kind, unknown.usage) == (kind, None)


@pytest.mark.parametrize("choices", ["B", {"0": "B"}, 3, ["B"], [None], [{}], [{"message": "B"}]])
def test_choices_of_a_wrong_type(choices: Any) -> None:
    error = failure(reply(choices=choices))
    assert (error.kind, error.usage) == ("malformed", BILLED)


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        7,
        [11, 7],
        {"prompt_tokens": 11},
        {"prompt_tokens": "11", "completion_tokens": 7},
        {"prompt_tokens": 11, "completion_tokens": 7.0},
        {"prompt_tokens": 11, "completion_tokens": True},
        {"prompt_tokens": -11, "completion_tokens": 7},
        {"prompt_tokens": 11, "completion_tokens": float("nan")},
        {"prompt_tokens": 11, "completion_tokens": float("inf")},
        {"prompt_tokens": 11, "completion_tokens": 10**18},
    ],
)
def test_tokens_that_are_not_stated(usage: Any) -> None:
    error = failure(reply(usage=usage))
    assert (error.kind, error.usage) == ("usage", None)


def test_details_may_be_absent_or_odd() -> None:
    odd: dict[str, Any] = {**STATED, "prompt_tokens_details": {"cached_tokens": 4}}
    odd["completion_tokens_details"] = {"reasoning_tokens": "many"}
    assert read(reply(usage=odd)).usage == Usage(11, 7, 4, 0)
    assert read(reply(usage={**STATED, "prompt_tokens_details": 3})).usage == BILLED


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"not json",
        reply()[:-1],
        reply() + b"{}",
        b"[" * 500_000,
        b'{"choices":' * 100_000,
        reply()[:-1] + b', "n": ' + b"9" * 5000 + b"9" * 100_000,
        reply().decode().encode("utf-16"),
    ],
)
def test_bodies_that_are_no_json(body: bytes) -> None:
    error = failure(body)
    assert (error.kind, error.usage) == ("malformed", None)
    assert len(str(error)) < 400


def test_encodings_are_borne_with() -> None:
    assert read(b"\xef\xbb\xbf" + reply()).text == "B"
    assert read(reply("@").replace(b"@", b"caf\xe9")).text == "caf\ufffd"
    assert read(reply("@").replace(b"@", b"a\x00\x07\nb")).text == "a\nb", "raw controls"
    assert read(reply("@").replace(b"@", rb"\ud83c\udf89 \ud83c")).text == "🎉 \ufffd"


def test_of_equal_keys_the_last_counts() -> None:
    twice = reply()[:-1] + b', "usage": {"prompt_tokens": 5, "completion_tokens": 6}}'
    assert read(twice).usage == Usage(5, 6)


def test_errors_in_place_of_choices() -> None:
    busy = failure(b'{"error": {"message": "try later\\u0000", "code": 529}}')
    assert (busy.kind, busy.status, busy.usage) == ("status", 529, None)
    assert "try later" in str(busy)
    named = failure(reply(choices=None, error={"message": "no", "code": "model_gone"}))
    assert (named.kind, named.status, named.usage) == ("empty", None, BILLED)


@given(st.text(st.characters(exclude_categories=())))
def test_clean_text_can_be_stored_sent_and_cleaned_again(text: str) -> None:
    done = clean(text)
    assert clean(done) == done
    assert json.loads(json.dumps(done, ensure_ascii=False).encode()) == done
    with sqlite3.connect(":memory:") as db:
        assert db.execute("select ?, length(?)", (done, done)).fetchone() == (done, len(done))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(choices=_JSON, usage=_JSON, error=_JSON)
def test_any_json_is_a_completion_or_a_typed_error(choices: Any, usage: Any, error: Any) -> None:
    for some in (choices, [choices], [{"message": choices}], [{"message": {"content": choices}}]):
        body = json.dumps({"choices": some, "usage": usage, "error": error}).encode()
        with suppress(CallError):
            assert read(body).text.strip()


@given(st.binary())
def test_any_bytes_are_a_typed_error(body: bytes) -> None:
    assert failure(body).kind in ("malformed", "empty")
