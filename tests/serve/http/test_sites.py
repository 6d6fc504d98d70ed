"""A page that gives its own name this machine's address spends no money here, by either server."""

from __future__ import annotations

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from abgnn.graph.base_mas import BaseMAS
from abgnn.serve.http.sites import is_this_machine
from tests.serve.http.helpers import KEY, Running, ask, hosted, scripted, served

PATHS = ("/v1/chat/completions", "/v1/responses", "/v1/abgnn/offer")
THEIRS = ("evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil", "[", "")
OURS = ("127.0.0.1", "127.0.0.1:8000", "localhost:80", "LOCALHOST", "[::1]:8000", "127.0.0.2")


def status(server: Running, path: str, host: str, *more: str) -> int:
    head = "\r\n".join((f"POST {path} HTTP/1.1", f"Host: {host}", "Connection: close", *more))
    return int(server.raw(f"{head}\r\nContent-Length: 2\r\n\r\n{{}}".encode())[9:12])


def test_without_a_key_the_host_must_be_this_machine(mas: BaseMAS) -> None:
    system, llm = scripted(mas)
    with served(system) as server:
        for host in THEIRS:
            assert {status(server, path, host) for path in PATHS} == {403}, host
        for host in OURS:
            assert status(server, "/v1/abgnn/offer", host) == 200, host
        assert not llm.told
        assert server.post(ask())[0] == 200


def test_with_a_key_any_name_will_do(mas: BaseMAS) -> None:
    system, _ = scripted(mas)
    with served(system, key=KEY) as server:
        key = f"Authorization: Bearer {KEY}"
        assert status(server, "/v1/abgnn/offer", "llms.example", key) == 200
        assert status(server, "/v1/abgnn/offer", "llms.example") == 401


def test_mcp_at_any_address_of_this_machine(mas: BaseMAS) -> None:
    """The SDK itself looks at the host only where the server listens on 127.0.0.1."""
    pytest.importorskip("mcp")
    from abgnn.serve.mcp.http import McpService

    system, _ = scripted(mas)
    with hosted(McpService(system, host="127.0.0.2")) as url:
        server = Running(url.removesuffix("/mcp"), None)  # type: ignore[arg-type]
        assert status(server, "/mcp", "evil.example") == 403
        assert status(server, "/mcp", "127.0.0.2", "Sec-Fetch-Site: cross-site") == 403
        assert status(server, "/mcp", "127.0.0.2") != 403


@pytest.mark.parametrize("name", ["0.0.0.0", "10.0.0.1", "::", "localhost.localdomain", "x", ""])
def test_what_others_may_reach(name: str) -> None:
    assert not is_this_machine(name)
