"""The same call has one key, another call another one, whatever stands in it."""

from __future__ import annotations

import hashlib
import json
import math
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abgnn.errors import ConfigError
from abgnn.rollout.ledger.identity import identity

MESSAGES = [{"role": "user", "content": "What is a quark?"}]
REQUEST: dict[str, Any] = {"model": "m", "messages": MESSAGES, "parameters": {"temperature": 0.0}}
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_key_is_sha256_of_canonical_text_sample_and_turn() -> None:
    key, text = identity(REQUEST, 3, 1)
    assert text == (
        '{"messages":[{"content":"What is a quark?","role":"user"}],"model":"m",'
        '"parameters":{"temperature":0}}'
    )
    assert key == hashlib.sha256(f"{text}\n3\n1".encode()).hexdigest()


def test_what_makes_another_call() -> None:
    others = [
        (REQUEST, 0, 0),
        (REQUEST, 1, 0),
        (REQUEST, 0, 1),
        (REQUEST, 10, 0),
        (REQUEST | {"model": "n"}, 0, 0),
        (REQUEST | {"parameters": {"temperature": 0.5}}, 0, 0),
        (REQUEST | {"parameters": {"temperature": False}}, 0, 0),
        (REQUEST | {"parameters": {"temperature": "0"}}, 0, 0),
        (REQUEST | {"messages": MESSAGES * 2}, 0, 0),
        (REQUEST | {"messages": []}, 0, 0),
    ]
    assert len({identity(*other)[0] for other in others}) == len(others)


def test_what_makes_the_same_call() -> None:
    same = {
        "parameters": MappingProxyType({"temperature": 0}),
        "messages": ({"content": "What is a quark?", "role": "user"},),
        "model": "m",
    }
    assert identity(same, 0) == identity(REQUEST, 0)


@given(JSON)
def test_any_json_has_a_key(value: Any) -> None:
    """Lone surrogates, NUL and large numbers included; the text says what was asked."""
    key, text = identity({"parameters": value}, 0)
    assert len(key) == 64
    assert text.isascii()
    assert json.loads(text) == {"parameters": value}
    assert identity(json.loads(text), 0) == (key, text)


CYCLE: list[Any] = []
CYCLE.append(CYCLE)


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"temperature": math.nan}, "request.parameters.temperature"),
        ({"stop": ["a", math.inf]}, r"request.parameters.stop\[1\]"),
        ({"tools": object()}, "request.parameters.tools"),
        ({"seed": b"1"}, "request.parameters.seed"),
        ({"logit_bias": {7: 1.0}}, "request.parameters.logit_bias: got 7"),
        ({"stop": CYCLE}, "request.parameters.stop"),
    ],
)
def test_what_is_no_json_is_refused_by_field(value: Any, field: str) -> None:
    with pytest.raises(ConfigError, match=field):
        identity(REQUEST | {"parameters": value}, 0)
