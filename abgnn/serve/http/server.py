"""uvicorn for one process: its settings, its listening socket, its signals."""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import uvicorn

from abgnn.errors import ConfigError
from abgnn.serve.http.limits import ServeLimits
from abgnn.serve.http.protocol import KEEP_ALIVE_S, PatientProtocol

if TYPE_CHECKING:
    from abgnn.serve.system import System

_HEAD_BYTES = 16 * 1024
_ARENAS, _THRESHOLDS = {-8: 2}, {-3: 128 * 1024, -1: 128 * 1024}
"""glibc's M_ARENA_MAX; M_MMAP_THRESHOLD and M_TRIM_THRESHOLD in bytes: see `_compact`."""


class Served(Protocol):
    """An application for a system, its limits, and the path that clients are told."""

    system: System
    limits: ServeLimits
    path: str

    def app(self) -> Any: ...


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        ConfigError: the address cannot be used.
    """
    try:
        return socket.create_server((host, port), backlog=2048)
    except (OSError, OverflowError) as wrong:
        raise ConfigError("--host, --port", (host, port), f"a free address ({wrong})") from wrong


def url_of(sock: socket.socket, path: str = "/v1") -> str:
    """The URL that clients of a listening socket use."""
    host, port = sock.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{path}"


def server_config(app: Any, limits: ServeLimits, **more: Any) -> uvicorn.Config:
    """uvicorn's settings for an application, or, with `factory=True`, for what makes one."""
    protocol: Any = partial(PatientProtocol, limits=limits)
    return uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=limits.connections,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=max(1, round(limits.grace_s)),
        h11_max_incomplete_event_size=_HEAD_BYTES,
        **more,
    )


def make_server(service: Served) -> uvicorn.Server:
    """A server for a service; `run(sockets=[listen(...)])` blocks until it is stopped."""
    return uvicorn.Server(server_config(service.app(), service.limits))


def serve(service: Served, sock: socket.socket, started: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT: then no new requests, and those under way finish.

    Args:
        service: what to serve.
        sock: the listening socket.
        started: called with the URL.
    """
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):  # uvicorn raises them again in the end
            signal.signal(number, _ignore)
    tune()
    started(url_of(sock, service.path))
    make_server(service).run(sockets=[sock])


def tune() -> None:
    """Settings of the interpreter for a process that has loaded its system and now serves."""
    gc.collect()
    gc.freeze()  # loaded objects stay: collections that scan them take 100 ms and more
    sys.setswitchinterval(0.5e-3)  # three threads pass each question on: 5 ms each time is long
    _compact()


def _compact() -> None:
    """What was freed is used again: else a busy server grows by half a MB in 1,000 requests.

    glibc gives threads heaps of their own, and once a long body was freed, puts others of its
    length between lasting objects. PyTorch lives by that (a batch of 128 would take twice as long),
    so where it is loaded only the heaps are few. What the environment says of malloc holds.
    """
    said = any(name.startswith("MALLOC_") or name == "GLIBC_TUNABLES" for name in os.environ)
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None and not said:
        for parameter, value in (_ARENAS | ({} if "torch" in sys.modules else _THRESHOLDS)).items():
            mallopt(parameter, value)


def _ignore(number: int, frame: object) -> None:
    """Ignore the signal, which uvicorn raises again after its own handler."""
