"""Bodies of the Responses API become questions, or refusals that name the field."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("starlette")

from abgnn.serve.http.limits import ServeLimits
from abgnn.serve.http.request import AnswerRequest, ApiError
from abgnn.serve.http.responses.request import responses_request
from tests.serve.http.test_request import json_values

LIMITS = ServeLimits(messages=5, characters=1000)
USER = {"role": "user", "content": "Q"}


def nothing(name: str) -> Sequence[str]:
    return []


def of(**more: Any) -> AnswerRequest:
    body = {"model": "abgnn", "input": "Q?", **more}
    return responses_request(json.dumps(body).encode(), nothing, LIMITS)


def test_a_text_and_a_list_are_the_same_question() -> None:
    parts = [{"type": "input_text", "text": "Q"}, {"type": "input_text", "text": "?"}]
    assert of(input=[{"role": "user", "content": parts}]) == of()
    assert of(input=[{"type": "message", "role": "user", "content": "Q?"}]) == of()
    told = of(instructions="Be brief.").query.text
    assert told == "Instructions: Be brief.\n\nUser: Q?"
    assert of(input=[{"role": "developer", "content": "Be brief."}, USER]).query.text == told[:-1]


@pytest.mark.parametrize(
    ("more", "status", "param"),
    [
        ({"model": "gpt-4"}, 404, "model"),
        ({"model": None}, 404, "model"),
        ({"input": None}, 400, "input"),
        ({"input": ""}, 400, "input"),
        ({"input": 7}, 400, "input"),
        ({"input": []}, 400, "input"),
        ({"input": "\ud800"}, 400, "input"),
        ({"input": ["Q"]}, 400, "input[0]"),
        ({"input": [USER] * 6}, 400, "input"),
        ({"input": "x" * 1001}, 400, "input"),
        ({"input": "x" * 600, "instructions": "x" * 600}, 400, "input"),
        ({"instructions": 7}, 400, "instructions"),
        ({"instructions": "\udfff"}, 400, "instructions"),
        ({"input": [USER, {"role": "assistant", "content": "A"}]}, 400, "input[1]"),
        ({"input": [{"role": "tool", "content": "A"}]}, 400, "input[0].role"),
        ({"input": [USER, {"type": "function_call_output", "output": "1"}]}, 400, "input[1].type"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}, USER]}, 400, "input[0].type"),
        ({"input": [{"type": ["message"], **USER}]}, 400, "input[0].type"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]},
            400,
            "input[0].content",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "x"}]}]},
            400,
            "input[0].content",
        ),
        ({"previous_response_id": "resp_1"}, 400, "previous_response_id"),
        ({"conversation": "conv_1"}, 400, "conversation"),
        ({"prompt": {"id": "pmpt_1"}}, 400, "prompt"),
        ({"background": True}, 400, "background"),
        ({"tools": [{"type": "web_search"}]}, 400, "tools"),
        ({"tool_choice": "required"}, 400, "tool_choice"),
        ({"tool_choice": {"type": "function", "name": "f"}}, 400, "tool_choice"),
        ({"top_logprobs": 3}, 400, "top_logprobs"),
        ({"include": ["message.output_text.logprobs"]}, 400, "include"),
        ({"include": "everything"}, 400, "include"),
        ({"text": {"format": {"type": "json_schema", "schema": {}}}}, 400, "text.format"),
        ({"text": "json"}, 400, "text.format"),
        ({"moderation": {"model": "m"}}, 400, "moderation"),
        ({"stream": "yes"}, 400, "stream"),
        ({"metadata": [1]}, 400, "metadata"),
        ({"metadata": {"a": 1}}, 400, "metadata"),
        ({"metadata": {str(i): "" for i in range(17)}}, 400, "metadata"),
        ({"metadata": {"a": "x" * 513}}, 400, "metadata"),
        ({"metadata": {"x" * 65: "a"}}, 400, "metadata"),
        ({"metadata": {"abgnn.cost": "1"}}, 400, "metadata.abgnn.cost"),
        ({"metadata": {"abgnn.cost_usd": "much"}}, 400, "metadata.abgnn.cost_usd"),
        ({"metadata": {"abgnn.cost_usd": "nan"}}, 400, "cost_usd"),
        ({"metadata": {"abgnn.latency_s": "-1"}}, 400, "latency_s"),
        ({"metadata": {"abgnn.latency_s": "1"}, "abgnn": {"latency_s": 1}}, 400, "latency_s"),
        ({"abgnn": 7}, 400, "abgnn"),
        ({"abgnn": {"budget": 1}}, 400, "abgnn"),
    ],
)
def test_refusals_name_the_field(more: dict[str, Any], status: int, param: str) -> None:
    with pytest.raises(ApiError) as refused:
        of(**more)
    assert (refused.value.status, refused.value.param) == (status, param)


FIELDS = [
    "model", "input", "instructions", "stream", "metadata", "abgnn", "tools", "tool_choice", "text",
    "include", "background", "store", "prompt", "temperature",
]  # fmt: skip


@given(st.dictionaries(st.sampled_from(FIELDS), json_values))
def test_any_field_of_any_kind(data: dict[str, Any]) -> None:
    try:
        made = of(**data)
    except ApiError as refused:
        status = refused.status
    else:
        status = 200
        assert made.query.text.strip()
    assert status in (200, 400, 404)


@given(
    st.lists(
        st.dictionaries(st.sampled_from(["type", "role", "content", "id", "status"]), json_values)
    )
)
def test_any_items(items: list[Any]) -> None:
    try:
        made = of(input=items)
    except ApiError as refused:
        field, status = refused.param or "input", refused.status  # none: no JSON at all
    else:
        field, status = "input", 400
        assert made.query.text.strip()
    assert (field.partition("[")[0], status) == ("input", 400)
