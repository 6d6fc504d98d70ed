"""Just enough HTTP/1.1 to serve, and to break: one connection of the stub."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from tests.servers.faults import Sent
    from tests.servers.openai_stub import Stub

_ENDLESS = b"10000\r\n" + b" " * 65536 + b"\r\n"
_ABORT = struct.pack("ii", 1, 0)  # SO_LINGER with no time: closing sends RST


@dataclass(frozen=True, slots=True)
class Request:
    """A request; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Connection(asyncio.Protocol):
    """Reads requests one after the other, and sends responses in any bad way."""

    def __init__(self, stub: Stub) -> None:
        self.stub, self.timer = stub, None  # type: tuple[Stub, asyncio.TimerHandle | None]
        self.busy = self.queued = False
        self._buffer = bytearray()
        self._paused = False
        self._stream: tuple[Sent, int] | None = None  # and how many of its events were sent

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.stub.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.stub.connections.discard(self)
        self._over()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while not self.busy and (request := self._next()) is not None:
            self.stub(self, request)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False

    def abort(self) -> None:
        """Drop the connection with a RST."""
        sock = cast(socket.socket, self.transport.get_extra_info("socket"))
        if not self.transport.is_closing():
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
        self.transport.abort()

    def send_json(self, value: Any, status: int = 200) -> None:
        """A good response, at once."""
        body = json.dumps(value).encode()
        self.transport.write(_head(status, len(body)) + body)

    def send(self, sent: Sent, trickle_s: float) -> None:
        """A response, the way that it says."""
        head = _head(sent.status, len(sent.body), *self._resolved(sent.headers))
        if sent.way == "whole":
            self.transport.write(head + sent.body)
            self._over()
        elif sent.way == "close":
            self.transport.close()
        elif sent.way == "reset":
            self.transport.write(head + sent.body[: len(sent.body) // 2])
            self._later(0.02, self.abort)
        elif sent.way == "trickle":
            self.transport.write(head)
            self._drip(sent.body, trickle_s)
        elif sent.way == "late-headers":
            self._drip(head + sent.body, trickle_s)
        elif sent.way in ("stream", "stream-cut"):
            self.transport.write(_head(200, None, *sent.headers))
            self._stream = sent, 0
            self.go_on()
        elif sent.way == "endless":
            self.transport.write(_head(200, None))
            self._flood()

    def go_on(self) -> None:
        """Send the events of a stream that the stub lets through."""
        if self._stream is None:
            return
        (sent, begin), most = self._stream, self.stub.options.events
        end = len(sent.events) if most is None else min(most, len(sent.events))
        for data in sent.events[begin:end]:
            self.transport.write(b"%x\r\n%s\r\n" % (len(data), data))
        self._stream = sent, max(begin, end)
        if end == len(sent.events):
            self._stream = None
            if sent.way == "stream-cut":
                self._later(0.02, self.abort)
            else:
                self.transport.write(b"0\r\n\r\n")
                self._over()

    def _resolved(self, headers: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
        """`@other` is this server under another name."""
        port = self.transport.get_extra_info("sockname")[1]
        return [
            (name, value.replace("@other", f"http://localhost:{port}")) for name, value in headers
        ]

    def _drip(self, left: bytes, seconds: float) -> None:
        self.transport.write(left[:1])
        if len(left) > 1:
            self._later(seconds, self._drip, left[1:], seconds)
        else:
            self._over()

    def _flood(self) -> None:
        if not self._paused:
            self.transport.write(_ENDLESS)
        self._later(0.001, self._flood)

    def _later(self, seconds: float, what: Any, *args: Any) -> None:
        self.timer = asyncio.get_running_loop().call_later(seconds, what, *args)

    def _over(self) -> None:
        self._stream = None
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        if self.busy:
            self.busy = False
            self.stub.ended(self)

    def _next(self) -> Request | None:
        """The next whole request in the buffer."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        first, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        size = end + 4 + int(headers.get("content-length", 0))
        if len(self._buffer) < size:
            return None
        method, path, _ = first.split(" ")
        body = bytes(self._buffer[end + 4 : size])
        del self._buffer[:size]
        return Request(method, path, headers, body)


def _head(status: int, length: int | None, *headers: tuple[str, str]) -> bytes:
    """Status line and headers; without a length the body is chunked."""
    size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    more = "".join(f"{name}: {value}\r\n" for name, value in headers)
    if "Content-Type" not in dict(headers):
        more = f"Content-Type: application/json\r\n{more}"
    return f"HTTP/1.1 {status} Stub\r\n{size}\r\n{more}\r\n".encode()
