"""`abgnn serve`: options, key, address."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from importlib.util import find_spec

from rich.console import Console

from abgnn.cli.arguments import parse
from abgnn.cli.sources import BOUNDS, SOURCES, source_of
from abgnn.errors import ConfigError
from abgnn.serve.http.limits import ServeLimits
from abgnn.serve.query_planners import QueryBudget
from abgnn.serve.sources import Bounds
from abgnn.serve.system import System


def serve_command(args: Sequence[str], console: Console) -> int:
    """Serve until told to stop."""
    given = parse(
        "serve",
        "An OpenAI-compatible endpoint: POST /v1/chat/completions with model `abgnn`, plain or "
        "streamed; /v1/models, /metrics (Prometheus), /healthz. Budgets of single questions come "
        "as headers X-Abgnn-Cost-Usd and X-Abgnn-Latency-S, or as `abgnn: {cost_usd, latency_s}` "
        "in the body (extra_body of the openai client).",
        {
            **SOURCES,
            "--cost": (float, None, "USD, budget of questions that state none"),
            "--latency": (float, None, "seconds, budget of questions that state none"),
            **BOUNDS,
            "--host": (str, "127.0.0.1", "address to listen on"),
            "--port": (int, 8000, "port to listen on; 0: a free one"),
            "--key-env": (str, None, "environment variable with the key that clients must show"),
            "--concurrent": (int, ServeLimits().concurrent, "questions under way; more get 429"),
            "--body-bytes": (int, ServeLimits().body_bytes, "of a request; more get 413"),
            "--grace": (float, ServeLimits().grace_s, "seconds for requests after SIGTERM"),
        },
        args,
    )
    limits = ServeLimits(
        given.body_bytes,
        concurrent=given.concurrent,
        connections=4 * given.concurrent,
        grace_s=given.grace,
    )
    key = _key(given.key_env, given.host)
    for package in ("starlette", "uvicorn", "prometheus_client"):
        if find_spec(package) is None:
            raise ConfigError("package", package, "installed: pip install 'abgnn[serve]'")
    from abgnn.serve.http.app import Service
    from abgnn.serve.http.server import listen, serve

    with listen(given.host, given.port) as sock:
        budget = QueryBudget(given.cost, given.latency)
        with System(source_of(given), budget, Bounds.of(given)) as system:
            label = system.label
            serve(
                Service(system, limits, key),
                sock,
                lambda url: console.print(f"serving at {url} ({label})", highlight=False),
            )
    return 0


def _key(variable: str | None, host: str) -> str | None:
    """The key from the environment; needed where others can reach the server.

    Raises:
        ConfigError: there is none.
    """
    if variable is None:
        if not _loopback(host):
            allowed = f"the name of a variable with a key: others can reach {host}"
            raise ConfigError("--key-env", None, allowed)
        return None
    key = os.environ.get(variable, "").strip()
    if not key:
        raise ConfigError("--key-env", variable, "a variable that is set, and not empty")
    return key


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
