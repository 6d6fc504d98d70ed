"""The page at `/`: files of this package, served from memory with a strict content policy."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-cache",  # asked again after every update, and answered by 304
}


def page_routes() -> list[Route]:
    """`/` and `/page/NAME` for every file of the page; open, since they hold no data."""
    folder = files("abgnn.serve") / "page"
    assets = [item for item in folder.iterdir() if _ending(item.name) in _TYPES]
    routes = [_route(f"/page/{item.name}", item) for item in assets]
    return [_route("/", folder / "index.html"), *routes]


def _route(path: str, item: Traversable) -> Route:
    body = item.read_bytes()
    tag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
    headers = {**_HEADERS, "etag": tag}

    async def endpoint(request: Request) -> Response:
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers, media_type=_TYPES[_ending(item.name)])

    return Route(path, endpoint)


def _ending(name: str) -> str:
    return name.rpartition(".")[2]
