"""The identity of a call: sha256 over its request and its sample index."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

from abgnn.errors import ConfigError

_DEEPEST = 64


def identity(request: Mapping[str, Any], sample: int, turn: int = 0) -> tuple[str, str]:
    """Key and canonical text of a call.

    The text is compact ASCII JSON with sorted keys, so that neither the order of keys, nor tuples
    for lists, nor 1.0 for 1 gives another key to a call that is the same to an endpoint.

    Args:
        request: `{"model": …, "messages": …, "parameters": {…}}`, JSON-able.
        sample: which of the K rollouts of its query; two samples are two calls.
        turn: distinguishes identical calls inside one rollout (the same agent in a later round, or
            several like agents): 0 for the first, which plans therefore share.

    Returns:
        sha256 in hexadecimal, and the canonical JSON of `request`.

    Raises:
        ConfigError: the request holds NaN, an infinity, or what is no JSON; it names the field.
    """
    text = json.dumps(_plain(request, "request", 0), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{text}\n{int(sample)}\n{int(turn)}".encode()).hexdigest(), text


def _plain(value: Any, field: str, depth: int) -> Any:
    """The value in JSON's own types; `field` is its path, for errors."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return _number(value, field)
    if depth > _DEEPEST:
        raise ConfigError(field, type(value).__name__, f"at most {_DEEPEST} levels, no cycle")
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise ConfigError(field, key, "keys that are text")
        return {str(k): _plain(v, f"{field}.{k}", depth + 1) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v, f"{field}[{i}]", depth + 1) for i, v in enumerate(value)]
    raise ConfigError(field, value, "text, number, truth value, list, mapping or nothing")


def _number(value: float, field: str) -> float | int:
    if not math.isfinite(value):
        raise ConfigError(field, value, "a finite number")
    return int(value) if value.is_integer() and abs(value) < 2**53 else value
