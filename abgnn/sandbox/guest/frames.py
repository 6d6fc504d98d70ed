"""Messages over a pipe: four bytes of length, then JSON."""

from __future__ import annotations

import json
import os
import selectors
import time
from typing import Any

LIMIT = 1 << 26  # bytes


def write_frame(fd: int, message: object) -> None:
    """Send one message; raises BrokenPipeError if nobody reads."""
    body = json.dumps(message).encode()
    rest = memoryview(len(body).to_bytes(4, "big") + body)
    while rest:
        rest = rest[os.write(fd, rest) :]


def read_frame(fd: int, *, deadline: float | None = None, limit: int = LIMIT) -> Any:
    """The next message.

    Args:
        fd: a pipe or socket.
        deadline: on `time.monotonic()`; None: wait for ever.
        limit: bytes that a message may have.

    Raises:
        EOFError: the other side is gone.
        TimeoutError: the deadline has passed.
        ValueError: too long, or no JSON.
    """
    size = int.from_bytes(_read(fd, 4, deadline), "big")
    if size > limit:
        raise ValueError(f"a message of {size} bytes; at most {limit}")
    return json.loads(_read(fd, size, deadline))


def _read(fd: int, size: int, deadline: float | None) -> bytes:
    got = bytearray()
    while len(got) < size:
        if deadline is not None:
            _wait(fd, deadline)
        piece = os.read(fd, size - len(got))
        if not piece:
            raise EOFError("the other side is gone")
        got += piece
    return bytes(got)


def _wait(fd: int, deadline: float) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(fd, selectors.EVENT_READ)
        if not selector.select(max(0.0, deadline - time.monotonic())):
            raise TimeoutError("nothing came in time")
