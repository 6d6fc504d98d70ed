"""The tools over standard input and output, which carry nothing but the protocol."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import anyio

from abgnn.serve.http.limits import ServeLimits
from abgnn.serve.mcp.server import tool_server
from abgnn.serve.system import System

_STDOUT, _STDERR = 1, 2


def serve_stdio(make: Callable[[], System], limits: ServeLimits) -> None:
    """Serve until standard input ends.

    Args:
        make: the system, which is closed in the end.
        limits: of questions.

    Raises:
        ConfigError, EndpointError: see `make`.
    """
    with _elsewhere():
        system = make()
    try:
        anyio.run(tool_server(system, limits).run_stdio_async)  # it keeps output away itself
    finally:
        with _elsewhere():
            system.close(finish=False)


@contextmanager
def _elsewhere() -> Iterator[None]:
    """What libraries, and processes that they start, print to standard output goes to the error
    output."""
    sys.stdout.flush()
    wire = os.dup(_STDOUT)
    os.dup2(_STDERR, _STDOUT)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(wire, _STDOUT)
        os.close(wire)
