"""Reading JSON out of what LLMs write: fenced, preceded by prose, followed by prose."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

_MOST = 200  # openings that are tried: hostile texts are nothing but brackets
_LONGEST = 100_000  # characters that are looked at


def json_values(text: str) -> Iterator[Any]:
    """Objects and lists in a text, outermost ones only, in their order."""
    text, place = text[:_LONGEST], 0
    decoder = json.JSONDecoder()
    for _ in range(_MOST):
        starts = [i for i in (text.find("{", place), text.find("[", place)) if i >= 0]
        if not starts:
            return
        try:
            value, place = decoder.raw_decode(text, min(starts))
        except (ValueError, RecursionError):
            place = min(starts) + 1
            continue
        yield value
