"""What a budget buys, the system's operating points, and the money left, over HTTP.

`POST /v1/abgnn/offer`, `GET /v1/abgnn/frontier` and `GET /v1/abgnn/spending`; nothing is called.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from abgnn.errors import ClosedError, ConfigError
from abgnn.serve.http.limits import ServeLimits
from abgnn.serve.http.request import ApiError, stopping
from abgnn.serve.system import System

_Handler = Callable[[Request], Awaitable[Response]]
_Made = TypeVar("_Made")
_AT_ONCE = 16  # budgets that are planned, and accounts that are read
_FIELDS = ("question", "cost_usd", "latency_s")


class Offers:
    """Answers of a system about itself.

    Args:
        system: plans.
        limits: of requests.
        body: reads a request's body within the limits.
    """

    def __init__(
        self, system: System, limits: ServeLimits, body: Callable[[Request], Awaitable[bytes]]
    ) -> None:
        self._system, self._limits, self._body = system, limits, body
        self._planning = _Threads("budgets are being planned")
        self._accounts = _Threads("accounts are being read")

    def routes(self, guarded: Callable[[_Handler], _Handler]) -> list[Route]:
        """Behind the key that guards all data."""
        return [
            Route("/v1/abgnn/offer", guarded(self._offer), methods=["POST"]),
            Route("/v1/abgnn/frontier", guarded(self._frontier)),
            Route("/v1/abgnn/spending", guarded(self._spending)),
        ]

    async def _offer(self, request: Request) -> Response:
        asked = offer_request(await self._body(request), self._limits)
        made = await self._planning(lambda: self._system.offer(**asked))
        return self._json(made.to_dict())

    async def _frontier(self, request: Request) -> Response:
        points = await self._planning(self._system.frontier)
        own = self._system.budget
        return self._json(
            {
                "budget_kind": self._system.budget_kind,
                "own_budget": {"cost_usd": own.cost_usd, "latency_s": own.latency_s},
                "points": [point.to_dict() for point in points],
            }
        )

    async def _spending(self, request: Request) -> Response:
        spent = await self._accounts(self._system.spending)
        return self._json({**spent.to_dict(), "concurrent": self._limits.concurrent})

    def _json(self, data: dict[str, Any]) -> Response:
        headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
        return JSONResponse({"calls_are": self._system.label, **data}, headers=headers)


class _Threads:
    """What may wait for a planner or a disk, on threads of its own kind: no kind waits for another.

    Args:
        what: is under way when further requests are refused, in words.
    """

    def __init__(self, what: str) -> None:
        self._what, self._under_way = what, 0
        self._pool = ThreadPoolExecutor(_AT_ONCE, "abgnn-offers")

    async def __call__(self, make: Callable[[], _Made]) -> _Made:
        """
        Raises:
            ApiError: a budget that no plan meets, too many at once, a server that stops.
        """
        if self._under_way >= _AT_ONCE:
            message = f"{_AT_ONCE} {self._what}; try again later"
            raise ApiError(429, message, "rate_limit_exceeded", type_="rate_limit_error")
        self._under_way += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, make)
        except ConfigError as wrong:
            message = f"{wrong.field}: allowed is {wrong.allowed}"
            raise ApiError(400, message, "invalid_value", wrong.field) from wrong
        except ClosedError:
            raise stopping() from None
        finally:
            self._under_way -= 1


def offer_request(body: bytes, limits: ServeLimits) -> dict[str, Any]:
    """`question`, `cost_usd` and `latency_s` of a request, each as it may be left out.

    Raises:
        ApiError: no JSON object, other fields, a question that is no text or too long.
    """
    try:
        data = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise ApiError(400, "the body is not valid JSON", "invalid_json") from None
    if not isinstance(data, dict) or data.keys() - set(_FIELDS):
        raise ApiError(400, f"allowed are {', '.join(_FIELDS)}", "invalid_value")
    question = data.get("question")
    if question is not None and not _is_text(question, limits.characters):
        allowed = f"a text of at most {limits.characters} characters, or null"
        raise ApiError(400, f"question: allowed is {allowed}", "invalid_value", "question")
    return {name: data[name] for name in _FIELDS if data.get(name) is not None}


def _is_text(value: Any, most: int) -> bool:
    """Whether it is valid Unicode of so many characters."""
    if not isinstance(value, str) or len(value) > most:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
