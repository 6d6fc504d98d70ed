"""`OpenAIClient`: every OpenAI-compatible endpoint through the `openai` SDK, one try per call."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from weakref import WeakKeyDictionary

import openai

from abgnn.catalogue import Backbone
from abgnn.errors import ConfigError, EndpointError
from abgnn.query import Query, Task
from abgnn.rollout.client import CallError, Completion, ErrorKind, Messages
from abgnn.rollout.openai_reply import read_reply

_PROBE_S = 5.0
_NO_KEY = "none"  # endpoints without keys ignore it; the SDK wants one


class _Connections:
    """What belongs to one event loop: SDK clients by (URL, key), slots by backbone."""

    def __init__(self) -> None:
        self._clients: dict[tuple[str, str], openai.AsyncOpenAI] = {}
        self._slots: dict[str, asyncio.Semaphore] = {}

    def client(self, url: str, key: str, timeout_s: float) -> openai.AsyncOpenAI:
        if (url, key) not in self._clients:
            self._clients[url, key] = openai.AsyncOpenAI(
                base_url=url, api_key=key, timeout=timeout_s, max_retries=0
            )
        return self._clients[url, key]

    def slots(self, backbone: Backbone) -> asyncio.Semaphore:
        return self._slots.setdefault(backbone.name, asyncio.Semaphore(backbone.max_concurrency))

    async def aclose(self) -> None:
        for client in self._clients.values():
            await client.close()


class OpenAIClient:
    """Calls endpoints at temperature 0, without retries; `service_time` is what a call took.

    Service time runs from dispatch to the last byte; waiting for one of the backbone's
    `max_concurrency` slots is not part of it. Requests carry nothing that tells samples of one
    query apart, but every sample is a call of its own. Keys are read from the environment
    variable that the backbone names and are in no error, representation or pickle.

    Args:
        timeout_s: seconds until a call is given up.
    """

    label = "live"

    def __init__(self, timeout_s: float = 120.0) -> None:
        if not timeout_s > 0:
            raise ConfigError(f"{type(self).__name__}.timeout_s", timeout_s, "seconds above 0")
        self.timeout_s = timeout_s
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, _Connections] = (
            WeakKeyDictionary()
        )

    def check(self, backbones: Iterable[Backbone]) -> None:
        """Every key variable is set, every endpoint answers and accepts the key; costs nothing.

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

    async def complete(
        self, backbone: Backbone, messages: Messages, *, query: Query, sample: int
    ) -> Completion:
        """One request.

        Raises:
            CallError: time-out, no connection, HTTP error, a reply without choices or usage.
            EndpointError: the key variable is not set.
        """
        url, key = self._url(backbone), self._key(backbone)
        here = self._loops.setdefault(asyncio.get_running_loop(), _Connections())
        create = here.client(url, key, self.timeout_s).chat.completions.with_raw_response.create
        request = _request(backbone, messages)
        async with here.slots(backbone):
            began = time.perf_counter()
            with _typed_errors(began, key):
                reply = await asyncio.wait_for(create(**request), self.timeout_s)
            seconds = time.perf_counter() - began
        return read_reply(reply.content, seconds)

    async def aclose(self) -> None:
        """Close the connections of this loop; the next call opens new ones."""
        connections = self._loops.pop(asyncio.get_running_loop(), None)
        if connections is not None:
            await connections.aclose()

    def _url(self, backbone: Backbone) -> str:
        named = backbone.base_url or os.environ.get("OPENAI_BASE_URL")
        return named or "https://api.openai.com/v1"

    def _key(self, backbone: Backbone) -> str:
        name = backbone.api_key_env
        if name is None:
            return _NO_KEY
        key = os.environ.get(name, "").strip()
        if not key:
            raise EndpointError(
                f"backbone {backbone.name}: the environment variable {name} is not set; "
                f"it must hold the key of {_shown(self._url(backbone))}"
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


def _request(backbone: Backbone, messages: Messages) -> dict[str, Any]:
    request: dict[str, Any] = {
        "model": backbone.model,
        "messages": messages.chat(),
        "temperature": 0,
    }
    if backbone.max_tokens is not None:
        request["max_tokens"] = backbone.max_tokens
    if backbone.extra_body:
        request["extra_body"] = dict(backbone.extra_body)
    return request


@contextmanager
def _typed_errors(began: float, key: str) -> Iterator[None]:
    """What the SDK raises, as CallError."""

    def error(kind: ErrorKind, message: str, status: int | None = None) -> CallError:
        seconds = time.perf_counter() - began
        return CallError(kind, _redacted(message, key), status=status, service_time=seconds)

    try:
        yield
    except (asyncio.TimeoutError, openai.APITimeoutError):
        raise error("timeout", f"no reply within {time.perf_counter() - began:.1f} s") from None
    except openai.APIConnectionError as e:
        raise error("connection", str(e.__cause__ or e)) from None
    except openai.APIStatusError as e:
        raise error("status", f"HTTP {e.status_code}: {e.message}"[:500], e.status_code) from None
    except (openai.OpenAIError, ValueError) as e:  # ValueError: a body that is no JSON
        raise error("malformed", f"{type(e).__name__}: {e}"[:500]) from None


def _probe(url: str, key: str, backbone: Backbone) -> None:
    """A GET on `url`/models; any answer of a server that accepts the key will do."""
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
            why = _redacted(str(e.__cause__ or e), key)
            raise EndpointError(f"{where} does not answer: {why}") from None


def _shown(url: str) -> str:
    """A URL without user, password and query."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _redacted(message: str, key: str) -> str:
    return message if key == _NO_KEY else message.replace(key, "<key>")
