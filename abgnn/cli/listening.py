"""Where a server listens, and the key that it needs beyond this machine (`serve`, `mcp`)."""

from __future__ import annotations

import os
from argparse import _ArgumentGroup

from abgnn.errors import ConfigError


def add_address(group: _ArgumentGroup, port: int) -> None:
    """Host, port and key."""
    group.add_argument("--host", default="127.0.0.1", help="address to listen on")
    group.add_argument("--port", type=int, default=port, help="port to listen on; 0: a free one")
    text = "environment variable with the key that clients must show; needed beyond this machine"
    group.add_argument("--key-env", metavar="VARIABLE", help=text)


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
