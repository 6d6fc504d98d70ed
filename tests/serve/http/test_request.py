"""Requests become questions, or refusals: nothing else, whatever is sent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("starlette")

from abgnn.serve.http.chat.request import chat_request
from abgnn.serve.http.limits import ServeLimits
from abgnn.serve.http.request import AnswerRequest, ApiError

LIMITS = ServeLimits(messages=5, characters=1000)


def nothing(name: str) -> Sequence[str]:
    return []


def of(data: Any, **headers: str | list[str]) -> AnswerRequest:
    def values(name: str) -> Sequence[str]:
        found = headers.get(name.removeprefix("x-abgnn-").replace("-", "_"), [])
        return [found] if isinstance(found, str) else found

    return chat_request(json.dumps(data).encode(), values, LIMITS)


def chat(*turns: tuple[str, Any], **more: Any) -> dict[str, Any]:
    messages = [{"role": role, "content": content} for role, content in turns]
    return {"model": "abgnn", "messages": messages, **more}


def test_a_single_message_is_the_question() -> None:
    asked = of(chat(("user", " What is 2 + 2?\n")))
    assert asked.query.text == " What is 2 + 2?\n"
    assert not asked.stream
    assert not asked.budget
    assert asked.ignored == ()
    parts = [{"type": "text", "text": "What is "}, {"type": "text", "text": "it?"}]
    assert of(chat(("user", parts))).query.text == "What is it?"


def test_a_conversation_becomes_one_question() -> None:
    asked = of(
        chat(
            ("system", "Be brief."), ("user", "What is 2 + 2?"), ("assistant", "4"),
            ("user", "And 3 + 3?"),
        )
    )  # fmt: skip
    assert asked.query.text == (
        "Instructions: Be brief.\n\nUser: What is 2 + 2?\n\nAssistant: 4\n\nUser: And 3 + 3?"
    )
    assert asked.query.id != of(chat(("user", "And 3 + 3?"))).query.id


def test_budgets_come_in_headers_or_in_the_body() -> None:
    body = chat(("user", "Q?"), abgnn={"cost_usd": 0.01, "latency_s": 5, "meta": {"kind": "x"}})
    assert of(body).budget == of(chat(("user", "Q?")), cost_usd="0.01", latency_s="5").budget
    assert dict(of(body).query.meta) == {"kind": "x"}
    with pytest.raises(ApiError, match="one value"):
        of(body, cost_usd="0.01")
    with pytest.raises(ApiError, match="one value"):
        of(chat(("user", "Q?")), cost_usd=["1", "2"])


def test_what_changes_nothing_is_named() -> None:
    asked = of(chat(("user", "Q?"), temperature=0.2, seed=None, user="me", stream=True))
    assert asked.ignored == ("temperature", "user")
    assert asked.stream


@pytest.mark.parametrize(
    ("data", "status", "param"),
    [
        ([], 400, None),
        ({}, 404, "model"),
        (chat(("user", "Q"), model="gpt-4"), 404, "model"),
        (chat(), 400, "messages"),
        (chat(("user", "")), 400, "messages[0]"),
        (chat(("user", None)), 400, "messages[0].content"),
        (chat(("user", "Q"), ("assistant", "A")), 400, "messages[1]"),
        (chat(("tool", "Q")), 400, "messages[0].role"),
        (chat((7, "Q")), 400, "messages[0].role"),  # type: ignore[arg-type]
        (chat(("user", [{"type": "image_url", "image_url": {}}])), 400, "messages[0].content"),
        (chat(("user", "\ud800")), 400, "messages[0].content"),
        (chat(*[("user", "Q")] * 6), 400, "messages"),
        (chat(("user", "x" * 1001)), 400, "messages"),
        (chat(("user", "Q"), n=2), 400, "n"),
        (chat(("user", "Q"), n=True), 400, "n"),
        (chat(("user", "Q"), stream="yes"), 400, "stream"),
        (chat(("user", "Q"), stream_options=[1]), 400, "stream_options"),
        (chat(("user", "Q"), tools=[{}]), 400, "tools"),
        (chat(("user", "Q"), response_format={"type": "json_object"}), 400, "response_format"),
        (chat(("user", "Q"), abgnn=7), 400, "abgnn"),
        (chat(("user", "Q"), abgnn={"budget": 1}), 400, "abgnn"),
        (chat(("user", "Q"), abgnn={"meta": {"kind": 1}}), 400, "abgnn.meta"),
        (chat(("user", "Q"), abgnn={"cost_usd": -1}), 400, "cost_usd"),
        (chat(("user", "Q"), abgnn={"cost_usd": "1"}), 400, "cost_usd"),
        (chat(("user", "Q"), abgnn={"cost_usd": True}), 400, "cost_usd"),
        (chat(("user", "Q"), abgnn={"latency_s": 10**400}), 400, "latency_s"),
    ],
)
def test_refusals_name_the_field(data: Any, status: int, param: str | None) -> None:
    with pytest.raises(ApiError) as refused:
        of(data)
    assert (refused.value.status, refused.value.param) == (status, param)


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "0", "", "1e999", "1;2", "٣٣٣٣x"])
def test_headers_that_are_no_budget(value: str) -> None:
    with pytest.raises(ApiError):
        of(chat(("user", "Q")), cost_usd=value)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"NaN", b'{"model": NaN}', b"\xff\xfe{", b'"' + b"\\ud800" * 9 + b'"', b"\0" * 50,
     b"[" * 100_000, b'{"a":' * 100_000, b"1" * 100_000],
    ids=range(10),
)  # fmt: skip
def test_bodies_that_are_no_request(body: bytes) -> None:
    with pytest.raises(ApiError) as refused:
        chat_request(body, nothing, LIMITS)
    assert refused.value.status == 400


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
FIELDS = ["model", "messages", "stream", "stream_options", "n", "abgnn", "tools", "temperature"]


@given(st.dictionaries(st.sampled_from(FIELDS), json_values))
def test_any_field_of_any_kind(data: dict[str, Any]) -> None:
    body = {"model": "abgnn", "messages": [{"role": "user", "content": "Q?"}], **data}
    try:
        made = of(body)
    except ApiError as refused:
        status = refused.status
    else:
        status = 200
        assert made.query.text.strip()
    assert status in (200, 400, 404)


@given(st.binary(max_size=200))
def test_any_bytes(body: bytes) -> None:
    with pytest.raises(ApiError):
        chat_request(body, nothing, LIMITS)
