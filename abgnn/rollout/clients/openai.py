"""`OpenAIClient`: every OpenAI-compatible endpoint through the `openai` SDK, one try per call."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from weakref import WeakKeyDictionary

import anyio
import httpx2
import openai

from abgnn.data.backbone import Backbone
from abgnn.data.query import Query, Task
from abgnn.errors import ConfigError, EndpointError
from abgnn.rollout.clients.base import CallError, Completion, Messages
from abgnn.rollout.clients.openai_connections import MAX_BODY_BYTES, Connections
from abgnn.rollout.clients.openai_errors import (
    NO_KEY,
    RAISED,
    redacted,
    typed,
    without_key,
)
from abgnn.rollout.clients.openai_reply import MAX_CHARS, encodable, read_reply
from abgnn.rollout.clients.openai_stream import STREAM, StreamedReply

_PROBE_S = 5.0
_SECRET = 8  # characters from which on a key is one; shorter ones ("EMPTY") are ordinary words


class OpenAIClient:
    """Calls endpoints at temperature 0, without retries; `service_time` is what a call took.

    Service time runs from dispatch to the last byte. How many calls run at once is up to the
    caller. Requests of several samples of one query are alike, but every sample is a call of its
    own. Keys are read from the environment variable that the backbone names and are
    in no text, error, representation or pickle, even if the endpoint repeats them.

    Args:
        timeout_s: seconds until a call is given up, however busy the endpoint seems.
        max_body_bytes: of a reply, decompressed; no more is ever read.
        max_chars: of a reply's text.
    """

    label = "live"

    def __init__(
        self,
        timeout_s: float = 120.0,
        max_body_bytes: int = MAX_BODY_BYTES,
        max_chars: int = MAX_CHARS,
    ) -> None:
        for name, value in (("max_body_bytes", max_body_bytes), ("max_chars", max_chars)):
            if not value >= 1:
                raise ConfigError(f"{type(self).__name__}.{name}", value, "an integer from 1")
        if not timeout_s > 0:
            raise ConfigError(f"{type(self).__name__}.timeout_s", timeout_s, "seconds above 0")
        self.timeout_s, self.max_body_bytes, self.max_chars = timeout_s, max_body_bytes, max_chars
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, Connections] = WeakKeyDictionary()

    def check(self, backbones: Iterable[Backbone]) -> None:
        """Check that key variables are set and endpoints answer and accept the keys; costs nothing.

        Raises:
            EndpointError: names the backbone, and the variable or the URL.
        """
        chosen = list(backbones)
        keys = [self._key(backbone) for backbone in chosen]
        probed: set[tuple[str, str]] = set()
        for backbone, key in zip(chosen, keys, strict=True):
            target = (self._url(backbone), key)
            if target not in probed:
                _probe(*target, backbone)
                probed.add(target)

    def bind(self, task: Task) -> None:
        """Real LLMs need no task."""

    def endpoint(self, backbone: Backbone) -> str | None:
        """URL and model; rate limits of providers are per model."""
        return f"{_shown(self._url(backbone))} {backbone.model}"

    def request(self, backbone: Backbone, messages: Messages, query: Query) -> dict[str, Any]:
        """Exactly what is sent; the fields of `extra_body` stand beside the others in the body."""
        parameters: dict[str, Any] = {"temperature": 0}
        if backbone.max_tokens is not None:
            parameters["max_tokens"] = backbone.max_tokens
        if backbone.extra_body:
            parameters["extra_body"] = dict(backbone.extra_body)
        chat = [{name: encodable(text) for name, text in m.items()} for m in messages.chat()]
        return {"model": backbone.model, "messages": chat, "parameters": parameters}

    async def complete(
        self, backbone: Backbone, messages: Messages, *, query: Query, sample: int
    ) -> Completion:
        """One request.

        Raises:
            CallError: time-out, no connection, HTTP error, or an unusable reply.
            EndpointError: the key variable is not set.
        """
        url, key = self._url(backbone), self._key(backbone)
        body = _body(self.request(backbone, messages, query))
        with self._connections().client(url, key) as sdk:
            began = time.perf_counter()
            try:
                with anyio.fail_after(self.timeout_s):
                    # not `chat.completions.create`: its reflection costs 0.4 ms a call
                    reply = await sdk.post("/chat/completions", body=body, cast_to=httpx2.Response)
            except RAISED as error:
                raise redacted(typed(error, time.perf_counter() - began), key) from None
        return self._whole(reply.content, key, time.perf_counter() - began)

    async def stream(
        self,
        backbone: Backbone,
        messages: Messages,
        *,
        query: Query,
        sample: int,
        on_text: Callable[[str], object],
    ) -> Completion:
        """One request, whose reply is passed on while it comes; cancelled, its connection closes.

        An endpoint that does not stream and sends a whole reply is read like one.

        Raises:
            CallError, EndpointError: as `complete`.
        """
        url, key = self._url(backbone), self._key(backbone)
        body = _body(self.request(backbone, messages, query)) | STREAM
        reply = StreamedReply(on_text, self.max_chars, key if len(key) >= _SECRET else "")
        response: httpx2.Response | None = None
        with self._connections().client(url, key) as sdk:
            began = time.perf_counter()
            try:
                with anyio.fail_after(self.timeout_s):
                    response = await _opened(sdk, body)
                    if "event-stream" not in response.headers.get("content-type", ""):
                        content = await response.aread()
                        done = self._whole(content, key, time.perf_counter() - began)
                        on_text(done.text)
                        return done
                    async for data in response.aiter_bytes():
                        reply.feed(data)
                return reply.end(time.perf_counter() - began)
            except CallError as error:
                error.service_time = time.perf_counter() - began
                raise redacted(error, key) from None
            except RAISED as error:
                raise redacted(typed(error, time.perf_counter() - began), key) from None
            finally:
                if response is not None:
                    await response.aclose()

    def _whole(self, content: bytes, key: str, seconds: float) -> Completion:
        if len(key) >= _SECRET:
            content = content.replace(key.encode(), b"<key>")
        return read_reply(content, seconds, self.max_chars)

    async def aclose(self) -> None:
        """Close the connections of this loop; the next call opens new ones."""
        connections = self._loops.pop(asyncio.get_running_loop(), None)
        if connections is not None:
            await connections.aclose()

    def _connections(self) -> Connections:
        loop = asyncio.get_running_loop()
        if loop not in self._loops:
            self._loops[loop] = Connections(self.timeout_s, self.max_body_bytes)
        return self._loops[loop]

    def _url(self, backbone: Backbone) -> str:
        named = backbone.base_url or os.environ.get("OPENAI_BASE_URL")
        return named or "https://api.openai.com/v1"

    def _key(self, backbone: Backbone) -> str:
        name = backbone.api_key_env
        if name is None:
            return NO_KEY
        key = os.environ.get(name, "").strip()
        if not key:
            raise EndpointError(
                f"backbone {backbone.name}: the environment variable {name} is not set; "
                f"it must hold the key of {_shown(self._url(backbone))}"
            )
        if not (key.isascii() and key.isprintable()) or " " in key:
            raise EndpointError(
                f"backbone {backbone.name}: the environment variable {name} holds characters "
                "that are in no key"
            )
        return key

    def __repr__(self) -> str:
        return f"{type(self).__name__}(timeout_s={self.timeout_s:g})"

    def __getstate__(self) -> dict[str, Any]:
        """Settings; connections stay with the loop that made them."""
        return {name: value for name, value in vars(self).items() if name != "_loops"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._loops = WeakKeyDictionary()


def _body(request: dict[str, Any]) -> dict[str, Any]:
    """The JSON body of a request."""
    parameters = dict(request["parameters"])
    extra = parameters.pop("extra_body", {})
    return {"model": request["model"], "messages": request["messages"], **parameters, **extra}


async def _opened(sdk: openai.AsyncOpenAI, body: dict[str, Any]) -> httpx2.Response:
    """A response whose body is still to be read."""
    events = await sdk.post(
        "/chat/completions",
        body=body,
        cast_to=object,
        stream=True,
        stream_cls=openai.AsyncStream[object],
    )
    return events.response


def _probe(url: str, key: str, backbone: Backbone) -> None:
    """GET `url`/models; any answer of a server that accepts the key is enough."""
    where = f"backbone {backbone.name}: the endpoint {_shown(url)}"
    with openai.OpenAI(base_url=url, api_key=key, timeout=_PROBE_S, max_retries=0) as sdk:
        try:
            sdk.models.with_raw_response.list()
        except (openai.AuthenticationError, openai.PermissionDeniedError) as e:
            named = f" in {backbone.api_key_env}" if backbone.api_key_env else ""
            raise EndpointError(f"{where} refused the key{named} (HTTP {e.status_code})") from None
        except openai.APIStatusError as e:
            if e.status_code >= 500:
                raise EndpointError(f"{where} answers HTTP {e.status_code}") from None
        except openai.APIConnectionError as e:
            why = without_key(str(e.__cause__ or e), key)
            raise EndpointError(f"{where} does not answer: {why}") from None


def _shown(url: str) -> str:
    """A URL without user, password and query."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
