"""What the stub answers: text and token counts that depend on nothing but the request's body."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

_WORDS = (
    *("so", "the", "answer", "follows", "from", "what", "was", "said", "before", "because"),
    *("each", "step", "holds", "and", "nothing", "else", "would", "fit", "therefore", "we"),
)


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer.

    Args:
        sha: hex sha256 of the body, which everything else is drawn from.
        text: words; the last line is a letter from A to D unless the text was cut.
        finish: `stop`, or `length` if `max_tokens` cut it.
        prompt_tokens, completion_tokens, cached_tokens, reasoning_tokens: counts.
        streamed: whether the request asks for a stream.
    """

    sha: str
    text: str
    finish: str
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    streamed: bool = False

    def usage(self) -> dict[str, Any]:
        """As the protocol states it."""
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
            "prompt_tokens_details": {"cached_tokens": self.cached_tokens},
            "completion_tokens_details": {"reasoning_tokens": self.reasoning_tokens},
        }

    def body(self, **message: Any) -> dict[str, Any]:
        """The whole chat completion; fields of the message may be replaced."""
        said = {"role": "assistant", "content": self.text} | message
        return {
            "id": f"chatcmpl-{self.sha[:12]}",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": "stub",
            "choices": [{"index": 0, "message": said, "finish_reason": self.finish}],
            "usage": self.usage(),
        }

    def events(self, **last: Any) -> tuple[bytes, ...]:
        """As server-sent events: a word each, the end, the counts; fields of the last replaced."""
        head = {"id": f"chatcmpl-{self.sha[:12]}", "object": "chat.completion.chunk"}
        words = re.findall(r"\s*\S+", self.text)
        deltas: list[tuple[dict[str, Any], str | None]] = [({"role": "assistant"}, None)]
        deltas += [({"content": word}, None) for word in words]
        deltas.append(({}, self.finish))
        chunks = [
            {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
            for delta, finish in deltas
        ]
        chunks.append({**head, "choices": [], "usage": self.usage(), **last})
        return (*(event(chunk) for chunk in chunks), b"data: [DONE]\n\n")


def event(data: Any) -> bytes:
    """A server-sent event."""
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def reply_to(body: bytes) -> Reply:
    """The reply to a request; a token is a word, and a message costs four more.

    Raises:
        ValueError: no JSON, or no chat messages.
    """
    request = json.loads(body)
    if not isinstance(request, dict) or not isinstance(request.get("messages"), list):
        raise ValueError("no messages")
    digest = hashlib.sha256(body).digest()
    prompt = sum(len(str(m["content"]).split()) + 4 for m in request["messages"])
    words = [_WORDS[byte % len(_WORDS)] for byte in (digest * 2)[: 12 + digest[0] % 48]]
    reasoning = digest[1] % 8
    wanted = len(words) + 1 + reasoning
    allowed = request.get("max_tokens")
    letter = "ABCD"[digest[2] % 4]
    if isinstance(allowed, int) and allowed < wanted:
        text, finish = " ".join(words[: max(0, allowed - reasoning)]), "length"
        wanted, reasoning = allowed, min(reasoning, allowed)
    else:
        text, finish = f"{' '.join(words)}\n{letter}", "stop"
    streamed = request.get("stream") is True
    return Reply(digest.hex(), text, finish, prompt, wanted, prompt // 4, reasoning, streamed)
