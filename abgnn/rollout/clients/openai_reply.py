"""Reading an OpenAI-compatible reply: text and billed tokens, or a typed error."""

from __future__ import annotations

import json
import re
from typing import Any

from abgnn.data.backbone import Usage
from abgnn.rollout.clients.base import CallError, Completion

MAX_CHARS = 200_000
_MOST_TOKENS = 10**9  # a count beyond this is none
SURROGATE = re.compile("[\ud800-\udfff]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def read_reply(body: bytes, seconds: float, max_chars: int = MAX_CHARS) -> Completion:
    """The completion in the body of a reply with status 200.

    A refusal is an answer. Invalid UTF-8 and a BOM are accepted; the text is cleaned (`clean`).

    Raises:
        CallError: `malformed` (not the agreed JSON), `empty` (no choice, no text), `filter`,
            `oversize`, `usage` (no token counts), `status` (an error that came with status 200).
            The usage is what the reply states as billed; None if it states nothing.
    """
    reply = parsed(body, seconds)
    usage = usage_of(reply.get("usage"))
    try:
        text, finish = _answer(reply, max_chars)
    except CallError as error:
        error.usage, error.service_time = usage, seconds
        raise
    if usage is None:
        message = "the reply does not say how many tokens were used, so its cost is unknown"
        raise CallError("usage", message, usage=None, service_time=seconds)
    return Completion(text, usage, seconds, finish)


def clean(text: str) -> str:
    """Text that is safe in files, terminals and requests.

    Lone surrogates become U+FFFD, CR and CRLF a line feed; other control characters but tab and
    line feed are dropped (they are no answer, and NUL or ESC do harm where text is shown or sent).
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROL.sub("", encodable(text))


def encodable(text: str) -> str:
    """Text that UTF-8 can encode: lone surrogates become U+FFFD."""
    return text if text.isascii() else SURROGATE.sub("\ufffd", text)


def parsed(body: bytes, seconds: float) -> dict[str, Any]:
    try:
        reply = json.loads(body.decode("utf-8-sig", errors="replace"), strict=False)
    except (ValueError, RecursionError) as error:  # also too long an integer, too deep a nesting
        message = f"no JSON: {type(error).__name__}: {error}"[:300]
        raise CallError("malformed", message, usage=None, service_time=seconds) from None
    if not isinstance(reply, dict):
        message = f"a {type(reply).__name__}, not an object"
        raise CallError("malformed", message, usage=None, service_time=seconds)
    return reply


def _answer(reply: dict[str, Any], max_chars: int) -> tuple[str, str]:
    """Text and finish of the first choice."""
    choice = _first_choice(reply)
    message, reason = choice.get("message"), choice.get("finish_reason")
    if not isinstance(message, dict):
        raise CallError("malformed", "the first choice has no message")
    if reason == "content_filter":
        raise CallError("filter", "the provider's content filter stopped the reply")
    text = text_of(message.get("content")) or text_of(message.get("refusal"))
    if len(text) > max_chars:
        raise CallError("oversize", f"a text of {len(text)} characters, more than {max_chars}")
    text = clean(text)
    if not text.strip():
        raise CallError("empty", f"no text (finish reason: {str(reason)[:50]})")
    return text, "length" if reason == "length" else "stop"


def _first_choice(reply: dict[str, Any]) -> dict[str, Any]:
    choices = reply.get("choices")
    if choices is None or choices == []:
        raise without_choices(reply.get("error"))
    if not isinstance(choices, list) or not isinstance(choices[0], dict):
        raise CallError("malformed", "`choices` is not a list of objects")
    return choices[0]


def text_of(content: object) -> str:
    """A content: a text, nothing, or a list of parts of which those with text count."""
    if content is None:
        return ""
    if isinstance(content, list):
        return "".join(text_of(_of_part(part)) for part in content)
    if not isinstance(content, str):
        raise CallError("malformed", f"a content that is a {type(content).__name__}")
    return content


def _of_part(part: object) -> object:
    if isinstance(part, dict):
        content = part.get("text", part.get("refusal"))
        return None if isinstance(content, list) else content
    return part if isinstance(part, str) else 0


def without_choices(error: object) -> CallError:
    """The error for a reply without choices; some endpoints send an error with a code."""
    message = clean(str(error.get("message") if isinstance(error, dict) else error or ""))[:300]
    code = error.get("code") if isinstance(error, dict) else None
    if isinstance(code, int) and 400 <= code < 600:
        return CallError("status", f"HTTP 200 with error {code}: {message}", status=code)
    return CallError("empty", f"no choices: {message}" if message else "no choices")


def usage_of(counts: object) -> Usage | None:
    if not isinstance(counts, dict):
        return None
    prompt, completion = _count(counts, "prompt_tokens"), _count(counts, "completion_tokens")
    if prompt is None or completion is None:
        return None
    cached = _count(counts.get("prompt_tokens_details"), "cached_tokens")
    reasoning = _count(counts.get("completion_tokens_details"), "reasoning_tokens")
    return Usage(prompt, completion, cached or 0, reasoning or 0)


def _count(counts: object, key: str) -> int | None:
    value = counts.get(key) if isinstance(counts, dict) else None
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= _MOST_TOKENS else None
