"""Reading a streamed OpenAI-compatible reply: its text as it comes, then the billed tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from abgnn.data.backbone import Usage
from abgnn.rollout.clients.base import CallError, Completion
from abgnn.rollout.clients.openai_reply import (
    SURROGATE,
    clean,
    parsed,
    text_of,
    usage_of,
    without_choices,
)

STREAM = {"stream": True, "stream_options": {"include_usage": True}}
"""What a request has on top to be answered by a stream."""


class StreamedReply:
    """A reply with status 200 that comes as server-sent events.

    What holds for whole replies (`read_reply`) holds here: the text is cleaned, a refusal is an
    answer, a reply without token counts is an error. An error's usage is None where the reply did
    not come to its end.

    Args:
        on_text: called with every piece of the text. White space at its start waits for more.
        max_chars: of the text.
        key: shown nowhere, even if the endpoint repeats it; empty: none.
    """

    def __init__(self, on_text: Callable[[str], object], max_chars: int, key: str = "") -> None:
        self._on_text, self._max_chars = on_text, max_chars
        self._pieces, self._cleaner = list[str](), PieceCleaner(key)
        self._line: list[bytes] = []  # what has come of it
        self._blank, self._refusal, self._chars = "", "", 0
        self._usage: Usage | None = None
        self._finish: str | None = None
        self._done = False

    def feed(self, data: bytes) -> None:
        """Bytes as they come.

        Raises:
            CallError: `malformed`, `oversize`, or `status` (an error in the stream).
        """
        if b"\n" not in data:
            self._line.append(data)
            return
        *lines, rest = b"".join((*self._line, data)).split(b"\n")
        self._line = [rest]
        for line in lines:
            self._read(line)

    def end(self, seconds: float) -> Completion:
        """The completion, after the last byte.

        Raises:
            CallError: as `read_reply`; `malformed` if the stream broke off.
        """
        self._read(b"".join(self._line))
        if self._finish is None and not self._done:
            raise CallError("malformed", "the stream broke off", usage=None, service_time=seconds)
        try:
            text = self._ended()
        except CallError as error:
            error.usage, error.service_time = self._usage, seconds
            raise
        if self._usage is None:
            message = "the stream does not say how many tokens were used, so its cost is unknown"
            raise CallError("usage", message, usage=None, service_time=seconds)
        return Completion(
            text, self._usage, seconds, "length" if self._finish == "length" else "stop"
        )

    def _ended(self) -> str:
        """The whole text, the last of it passed on."""
        if self._finish == "content_filter":
            raise CallError("filter", "the provider's content filter stopped the reply")
        if not self._chars:
            self._pass_on(self._refusal)
        self._pass_on("", last=True)
        if not self._pieces:
            raise CallError("empty", f"no text (finish reason: {str(self._finish)[:50]})")
        return "".join(self._pieces)

    def _read(self, line: bytes) -> None:
        """A line of the stream; only those with data count."""
        name, _, data = line.rstrip(b"\r").partition(b":")
        data = data.strip()
        if name != b"data" or not data:
            return
        if data == b"[DONE]":
            self._done = True
            return
        try:
            self._chunk(parsed(data, 0.0))
        except CallError as error:
            error.usage = None
            raise

    def _chunk(self, chunk: dict[str, Any]) -> None:
        self._usage = usage_of(chunk.get("usage")) or self._usage
        choices = chunk.get("choices")
        if not choices:
            if chunk.get("error"):
                raise without_choices(chunk["error"])
            return
        choice = choices[0] if isinstance(choices, list) else None
        delta = choice.get("delta") or {} if isinstance(choice, dict) else None
        if not isinstance(choice, dict) or not isinstance(delta, dict):
            raise CallError("malformed", "a chunk whose first choice has no delta")
        if choice.get("finish_reason") is not None:
            self._finish = str(choice["finish_reason"])
        self._refusal += text_of(delta.get("refusal"))
        text = text_of(delta.get("content"))
        self._chars += len(text)
        if max(self._chars, len(self._refusal)) > self._max_chars:
            raise CallError("oversize", f"a text of more than {self._max_chars} characters")
        self._pass_on(text)

    def _pass_on(self, text: str, *, last: bool = False) -> None:
        piece = self._blank + self._cleaner(text, last=last)
        if not self._pieces and not piece.strip():
            self._blank = piece
            return
        self._blank = ""
        if piece:
            self._pieces.append(piece)
            self._on_text(piece)


class PieceCleaner:
    """Cleans a text that comes in pieces, as `clean` would clean the whole of it.

    The end of a piece is held back where the next one may change it: half of a line end or of a
    character, the beginning of the key.
    """

    def __init__(self, key: str = "") -> None:
        self._key, self._held = key, ""

    def __call__(self, piece: str, *, last: bool = False) -> str:
        text = _joined(self._held + piece)
        size = len(text) if last else len(text) - self._open(text)
        text, self._held = text[:size], text[size:]
        return clean(text.replace(self._key, "<key>") if self._key else text)

    def _open(self, text: str) -> int:
        """Characters at the end that may be part of something longer."""
        for n in range(min(len(self._key) - 1, len(text)), 0, -1):
            if text.endswith(self._key[:n]):
                return n
        return int(text.endswith("\r") or "\ud800" <= text[-1:] <= "\udbff")


def _joined(text: str) -> str:
    """Halves of characters that came in two pieces, as one; lone ones stay."""
    if text.isascii() or SURROGATE.search(text) is None:
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
