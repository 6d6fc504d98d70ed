"""Where `serve` and `mcp` listen, their limits, and the key needed beyond this machine."""

from __future__ import annotations

import os
from argparse import Namespace, _ArgumentGroup

from abgnn.errors import ConfigError
from abgnn.serve.http.limits import ServeLimits


def add_address(group: _ArgumentGroup, port: int) -> None:
    """Host, port and key."""
    group.add_argument("--host", default="127.0.0.1", help="address to listen on")
    group.add_argument("--port", type=int, default=port, help="port to listen on; 0: a free one")
    text = "environment variable with the key that clients must show; needed beyond this machine"
    group.add_argument("--key-env", metavar="VARIABLE", help=text)


def add_limits(group: _ArgumentGroup, refused: str) -> None:
    """Questions at once, and time to end.

    Args:
        group: of the flags.
        refused: what becomes of further questions, in words.
    """
    limits = ServeLimits()
    text = f"questions at once; further ones {refused}"
    group.add_argument("--concurrent", type=int, default=limits.concurrent, metavar="N", help=text)
    text = "seconds that requests have to end after SIGTERM"
    group.add_argument("--grace", type=float, default=limits.grace_s, metavar="S", help=text)


def limits_of(args: Namespace, **more: int) -> ServeLimits:
    """The limits that `add_limits` names, and others."""
    n = args.concurrent
    return ServeLimits(concurrent=n, connections=4 * n, grace_s=args.grace, **more)


def served(url: str, label: str, workers: int = 1) -> str:
    """The line that says where a server is."""
    by = f" by {workers} workers" if workers > 1 else ""
    return f"serving at {url} ({label}){by}"


def key_of(variable: str | None, host: str) -> str | None:
    """The key from the environment; needed where others can reach the server.

    Raises:
        ConfigError: there is none.
    """
    if variable is None:
        from abgnn.serve.http.sites import is_this_machine

        if not is_this_machine(host):
            allowed = f"the name of a variable with a key: others can reach {host}"
            raise ConfigError("--key-env", None, allowed)
        return None
    key = os.environ.get(variable, "").strip()
    if not key:
        raise ConfigError("--key-env", variable, "a variable that is set, and not empty")
    return key
