"""`ServeLimits`: sizes of requests, and how long the server waits for clients."""

from __future__ import annotations

from dataclasses import dataclass, fields

from abgnn.errors import ConfigError


@dataclass(frozen=True, slots=True)
class ServeLimits:
    """Limits of requests; more is refused before anything is planned or paid.

    Args:
        body_bytes: of a request's body (413).
        messages: in a conversation (400).
        characters: of all messages together (400).
        concurrent: questions under way (429).
        connections: open at once (503).
        receive_s: seconds for a request's head, and for its body (408, or the connection closes).
        stalled_s: seconds that a reader may leave what was sent unread (the connection closes).
        grace_s: seconds that requests under way have after SIGTERM.
    """

    body_bytes: int = 1 << 20
    messages: int = 256
    characters: int = 200_000
    concurrent: int = 256
    connections: int = 1024
    receive_s: float = 10.0
    stalled_s: float = 30.0
    grace_s: float = 120.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not value > 0:
                raise ConfigError(f"serve.{field.name}", value, "a number above 0")
