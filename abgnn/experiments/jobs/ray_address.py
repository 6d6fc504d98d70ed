"""Whether there is a Ray cluster at an address; Ray itself would try for two minutes."""

from __future__ import annotations

import os
import socket

from abgnn.errors import ConfigError

SECONDS = 3.0  # for each of connecting and the greeting
_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
_SETTINGS = 4  # HTTP/2's frame that a server answers with (RFC 9113, 3.4)
_WORDS = ("", "auto", "local")  # Ray finds or starts the cluster itself, and quickly


def check_address(address: str) -> None:
    """Check that somebody listens at `host:port`, and that it speaks gRPC.

    Raises:
        ConfigError: no such address, nobody there, or another kind of server.
    """
    if address in _WORDS:
        return
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit() or set(address) & {"@", "/"}:
        shown = address.rpartition("@")[2]  # what stands before it may be a password
        raise ConfigError("--ray", shown, "HOST:PORT of the cluster's head, auto, or no address")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), SECONDS) as connection:
            kind = _greeted(connection)
    except (OSError, OverflowError) as error:
        raise ConfigError("--ray", address, f"a Ray cluster that answers ({error})") from error
    if kind != _SETTINGS and not os.environ.get("RAY_USE_TLS"):  # with TLS, no plain greeting
        raise ConfigError("--ray", address, "the port of a Ray cluster (this is something else)")


def _greeted(connection: socket.socket) -> int | None:
    """The kind of the first frame of HTTP/2 that a server answers with; None: no such thing."""
    connection.settimeout(SECONDS)
    connection.sendall(_GREETING)
    head = b""
    try:
        while len(head) < 9 and (more := connection.recv(9 - len(head))):
            head += more
    except OSError:
        return None
    return head[3] if len(head) == 9 and not head.startswith(b"HTTP") else None
