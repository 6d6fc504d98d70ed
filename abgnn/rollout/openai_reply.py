"""Reading an OpenAI-compatible reply: text and billed tokens, or a typed error."""

from __future__ import annotations

import json
from typing import Any

from abgnn.catalogue import Usage
from abgnn.rollout.client import CallError, Completion


def read_reply(body: bytes, seconds: float) -> Completion:
    """The completion in a reply's body; a message without text is an empty text.

    Raises:
        CallError: `malformed` (no JSON object), `usage` (no token counts), `empty` (no choice;
            what was billed is kept).
    """
    try:
        reply = json.loads(body)
    except ValueError as error:
        raise CallError("malformed", f"no JSON: {error}", service_time=seconds) from error
    if not isinstance(reply, dict):
        kind = type(reply).__name__
        raise CallError("malformed", f"a {kind}, not an object", service_time=seconds)
    choices = reply.get("choices")
    usage = _usage(reply.get("usage"))
    if not isinstance(choices, list) or not choices:
        said = f"no choices{_complaint(reply)}"
        raise CallError("empty", said, usage=usage, service_time=seconds)
    if usage is None:
        said = "the reply does not say how many tokens were used, so its cost is unknown"
        raise CallError("usage", said, service_time=seconds)
    message = choices[0].get("message") if isinstance(choices[0], dict) else None
    if not isinstance(message, dict):
        said = "the first choice has no message"
        raise CallError("malformed", said, usage=usage, service_time=seconds)
    text = message.get("content") or message.get("refusal") or ""
    return Completion(str(text), usage, seconds)


def _usage(found: object) -> Usage | None:
    if not isinstance(found, dict):
        return None
    prompt, completion = _count(found, "prompt_tokens"), _count(found, "completion_tokens")
    if prompt is None or completion is None:
        return None
    cached = _count(found.get("prompt_tokens_details"), "cached_tokens")
    reasoning = _count(found.get("completion_tokens_details"), "reasoning_tokens")
    return Usage(prompt, completion, cached or 0, reasoning or 0)


def _count(found: object, key: str) -> int | None:
    value = found.get(key) if isinstance(found, dict) else None
    fine = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return value if fine else None


def _complaint(reply: dict[str, Any]) -> str:
    """What some endpoints say in place of choices."""
    error = reply.get("error")
    said = error.get("message") if isinstance(error, dict) else error
    return f": {str(said)[:300]}" if said else ""
