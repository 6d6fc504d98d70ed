"""`abgnn serve`: an OpenAI-compatible endpoint: its address, its key, its limits."""

from __future__ import annotations

from argparse import Namespace
from importlib.util import find_spec
from typing import TYPE_CHECKING

from abgnn.cli.arguments import Parser
from abgnn.cli.listening import add_address, add_limits, key_of, limits_of, served
from abgnn.cli.sources import add_bounds, add_query_budget, add_sources, recipe_of
from abgnn.errors import ConfigError
from abgnn.serve.http.limits import ServeLimits

if TYPE_CHECKING:
    from rich.console import Console

_DESCRIPTION = """\
An OpenAI-compatible endpoint: POST /v1/chat/completions and /v1/responses with model `abgnn`,
plain or streamed; /v1/models, /metrics (Prometheus), /healthz. Budgets of single questions come as
headers X-Abgnn-Cost-Usd and X-Abgnn-Latency-S, as `abgnn: {cost_usd, latency_s}` in the body
(extra_body of the openai client), or as metadata `abgnn.cost_usd` and `abgnn.latency_s`.
Needs the extra: pip install 'abgnn[serve]'."""


def add_arguments(parser: Parser) -> None:
    """What answers, and how it can be reached."""
    parser.description = _DESCRIPTION
    add_sources(parser)
    add_query_budget(parser)
    add_bounds(parser)
    group = parser.add_argument_group("server")
    add_address(group, 8000)
    add_limits(group, "get 429")
    text, usual = "largest request; larger ones get 413", ServeLimits().body_bytes
    group.add_argument("--body-bytes", type=int, default=usual, metavar="N", help=text)
    text = "processes that answer, behind one socket; caps need --recording then"
    group.add_argument("--workers", type=int, default=1, metavar="N", help=text)


def run(args: Namespace, console: Console) -> int:
    """Serve until SIGTERM or Ctrl-C."""
    limits = limits_of(args, body_bytes=args.body_bytes)
    if args.workers < 1:
        raise ConfigError("--workers", args.workers, "an integer from 1")
    key = key_of(args.key_env, args.host)
    for package in ("starlette", "uvicorn", "prometheus_client"):
        if find_spec(package) is None:
            raise ConfigError("package", package, "installed: pip install 'abgnn[serve]'")
    (_alone if args.workers == 1 else _workers)(args, limits, key, console)
    return 0


def _alone(args: Namespace, limits: ServeLimits, key: str | None, console: Console) -> None:
    """One process."""
    from abgnn.serve.http.app import Service
    from abgnn.serve.http.server import listen, serve

    with listen(args.host, args.port) as sock, recipe_of(args).system() as system:
        label = system.label
        serve(
            Service(system, limits, key),
            sock,
            lambda url: console.print(served(url, label), highlight=False),
        )


def _workers(args: Namespace, limits: ServeLimits, key: str | None, console: Console) -> None:
    """Several."""
    from abgnn.serve.http.server import listen
    from abgnn.serve.http.workers import serve_workers

    n = args.workers

    def started(url: str, label: str) -> None:
        console.print(served(url, label, n), highlight=False)

    with listen(args.host, args.port) as sock:
        serve_workers(recipe_of(args), limits, key, n, sock, started)
