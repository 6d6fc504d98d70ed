"""`McpService`: the tools over streamable HTTP, behind the key and limits of `abgnn serve`."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from abgnn.serve.http.body import received
from abgnn.serve.http.key import KeyCheck
from abgnn.serve.http.limits import ServeLimits
from abgnn.serve.http.reply import refused
from abgnn.serve.http.request import ApiError
from abgnn.serve.http.sites import refuse_other_sites
from abgnn.serve.mcp.server import tool_server
from abgnn.serve.system import System


class McpService:
    """A system's tools behind HTTP.

    Args:
        system: answers.
        limits: of requests.
        key: the bearer token that clients must send; None: none is needed.
        host: that the server listens on: on this machine's own, only requests that name it are
            taken, so that no page in a browser can send one.
    """

    path = "/mcp"

    def __init__(
        self,
        system: System,
        limits: ServeLimits | None = None,
        key: str | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self.system, self.limits = system, limits or ServeLimits()
        self._key, self._host = KeyCheck(key), host

    def app(self) -> Starlette:
        """The application for any ASGI server."""
        server = tool_server(self.system, self.limits)
        made = server.streamable_http_app(
            streamable_http_path=self.path,
            max_request_body_size=self.limits.body_bytes,
            max_sessions=self.limits.connections,
            host=self._host,
        )
        made.user_middleware.insert(0, Middleware(_Guard, check=self._key, limits=self.limits))
        return made


class _Guard:
    """Refuses other sites, requests without the key, and bodies too large or too slow."""

    def __init__(self, app: ASGIApp, check: KeyCheck, limits: ServeLimits) -> None:
        self._app, self._check, self._limits = app, check, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            headers = Headers(scope=scope)
            refuse_other_sites(headers, keyless=not self._check.needed)
            self._check(headers)
            body = await received(Request(scope, receive), self._limits)
        except ApiError as refusal:
            await refused(refusal)(scope, receive, send)
            return
        except ClientDisconnect:
            return
        await self._app(scope, _again(body, receive), send)


def _again(body: bytes, receive: Receive) -> Receive:
    """Receives a body that has come already, and then what else comes."""
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return first.pop() if first else await receive()

    return replay
