"""`abgnn mcp`: a system as tools of the Model Context Protocol."""

from __future__ import annotations

from argparse import Namespace
from importlib.util import find_spec
from typing import TYPE_CHECKING

from abgnn.cli.arguments import Parser
from abgnn.cli.listening import add_address, add_limits, key_of, limits_of, served
from abgnn.cli.sources import add_bounds, add_query_budget, add_sources, recipe_of
from abgnn.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

    from abgnn.serve.http.limits import ServeLimits

_DESCRIPTION = """\
A system as tools of the Model Context Protocol: ask, plan, what_would_a_budget_buy, spending.
By standard input and output, which a client starts by itself, or by streamable HTTP at /mcp.
Needs the extra: pip install 'abgnn[mcp]'."""


def add_arguments(parser: Parser) -> None:
    """What answers, and how it can be reached."""
    parser.description = _DESCRIPTION
    add_sources(parser)
    add_query_budget(parser)
    add_bounds(parser)
    group = parser.add_argument_group("server")
    text = "standard input and output, or streamable HTTP"
    group.add_argument("--transport", choices=("stdio", "http"), default="stdio", help=text)
    add_address(group, 8001)
    add_limits(group, "are refused")


def run(args: Namespace, console: Console) -> int:
    """Serve until the client leaves (stdio), or until SIGTERM or Ctrl-C."""
    limits = limits_of(args)
    if args.transport == "stdio" and args.key_env is not None:
        raise ConfigError("--key-env", args.key_env, "none beside --transport stdio")
    if find_spec("mcp") is None:
        raise ConfigError("package", "mcp", "installed: pip install 'abgnn[mcp]'")
    (_stdio if args.transport == "stdio" else _http)(args, limits, console)
    return 0


def _stdio(args: Namespace, limits: ServeLimits, console: Console) -> None:
    """Nothing is printed: standard output carries the protocol."""
    from abgnn.serve.mcp.stdio import serve_stdio

    serve_stdio(lambda: recipe_of(args).system(), limits)


def _http(args: Namespace, limits: ServeLimits, console: Console) -> None:
    from abgnn.serve.http.server import listen, serve
    from abgnn.serve.mcp.http import McpService

    key = key_of(args.key_env, args.host)
    with listen(args.host, args.port) as sock, recipe_of(args).system() as system:
        label = system.label
        serve(
            McpService(system, limits, key, args.host),
            sock,
            lambda url: console.print(served(url, label), highlight=False),
        )
