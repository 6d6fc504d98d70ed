"""A conversation as one question: the messages of a body, in either API's form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from abgnn.serve.http.limits import ServeLimits
from abgnn.serve.http.request import refuse

_SPEAKERS = {
    "system": "Instructions",
    "developer": "Instructions",
    "user": "User",
    "assistant": "Assistant",
}


class Turn(NamedTuple):
    """A message of a conversation; `at` is where the body has it."""

    at: str
    role: str
    text: str


def conversation(name: str, turns: Sequence[Turn], limits: ServeLimits) -> str:
    """One question: the user's text alone, or the conversation with the messages before it.

    Raises:
        ApiError: too long, or not the user's turn; `name` is the field with the messages.
    """
    if sum(len(turn.text) for turn in turns) > limits.characters:
        refuse(name, f"at most {limits.characters} characters", "context_length_exceeded")
    *before, last = turns
    if last.role != "user" or not last.text.strip():
        refuse(last.at, "a text of the user's, which is not empty")
    if not before:
        return last.text
    earlier = [f"{_SPEAKERS[t.role]}: {t.text}" for t in before if t.text.strip()]
    return "\n\n".join([*earlier, f"User: {last.text}"])


def messages(name: str, value: Any, types: tuple[str, ...], limits: ServeLimits) -> list[Turn]:
    """A list of messages, whose texts may come in parts of these types."""
    if not isinstance(value, list) or not value:
        refuse(name, "a list of messages")
    if len(value) > limits.messages:
        refuse(name, f"at most {limits.messages} messages", "too_many_messages")
    return [_message(f"{name}[{i}]", message, types) for i, message in enumerate(value)]


def _message(at: str, message: Any, types: tuple[str, ...]) -> Turn:
    if not isinstance(message, dict):
        refuse(at, "an object")
    role = message.get("role")
    if not isinstance(role, str) or role not in _SPEAKERS:
        refuse(f"{at}.role", ", ".join(_SPEAKERS))
    if message.get("tool_calls"):
        refuse(f"{at}.tool_calls", "nothing", "unsupported")
    return Turn(at, role, unicode(f"{at}.content", _content(f"{at}.content", message, types)))


def _content(at: str, message: Mapping[str, Any], types: tuple[str, ...]) -> str:
    content, named = message.get("content"), " or ".join(types)
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        refuse(at, f"a text, or a list of parts of type {named}")
    parts = []
    for part in content:
        text = part.get("text") if isinstance(part, dict) and part.get("type") in types else None
        if not isinstance(text, str):
            refuse(at, f"parts of type {named}", "unsupported")
        parts.append(text)
    return "".join(parts)


def unicode(at: str, text: str) -> str:
    """The text, unless it is none that can be sent on."""
    try:
        text.encode()
    except UnicodeEncodeError:
        refuse(at, "text that is valid Unicode")
    return text
