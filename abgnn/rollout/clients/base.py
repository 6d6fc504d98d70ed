"""`Client`: makes one call to a backbone; returns text, usage and service time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from abgnn.data.backbone import Backbone, Usage
from abgnn.data.outcome import ErrorKind
from abgnn.data.query import Query, Task
from abgnn.data.template import Role

_NOTHING = Usage()


class CallError(RuntimeError):
    """A call without a usable response; only its own rollout fails.

    Args:
        kind: `timeout`, `connection` (refused, reset), `status` (HTTP), `malformed` (no JSON, or
            not the agreed one), `empty` (no choice, no text), `filter` (the provider's content
            filter), `oversize` (a reply longer than any use), `usage` (tokens are not stated),
            `deadline` (cancelled, for the query's time is up), `budget` (a cap forbids it),
            `circuit` (the endpoint failed too often), `unrecorded` (a replay lacks it), `tool`
            (the sandbox failed), `cancelled` (by the caller), `internal` (a bug of a client).
        message: what happened, without secrets.
        status: the HTTP status, if there was one.
        usage: tokens that were billed all the same; None: unknown.
        service_time: seconds until the failure.
        retry_after: seconds that the server asks to wait.
    """

    def __init__(
        self,
        kind: ErrorKind,
        message: str,
        *,
        status: int | None = None,
        usage: Usage | None = _NOTHING,
        service_time: float = 0.0,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind, self.message, self.status = kind, message, status
        self.usage, self.service_time = usage, service_time
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class PeerMessage:
    """A predecessor's response, labelled by its role; `earlier` if of the previous round."""

    role: str
    text: str
    earlier: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """An agent's own earlier reply, and its tool's output."""

    reply: str
    output: str


@dataclass(frozen=True, slots=True)
class Messages:
    """The prompt of an agent, as parts that simulations can read; `chat` renders it."""

    role: Role
    question: str
    received: tuple[PeerMessage, ...] = ()
    suffix: str = ""
    turns: tuple[Turn, ...] = ()

    def chat(self) -> list[dict[str, str]]:
        """As chat messages: the role as system message, question and responses as user message."""
        parts = [self.question]
        when = {False: "answered", True: "answered in the previous round"}
        parts += [f"[{r.role}] {when[r.earlier]}:\n{r.text}" for r in self.received]
        if self.suffix:
            parts.append(self.suffix)
        chat = [
            {"role": "system", "content": self.role.prompt},
            {"role": "user", "content": "\n\n".join(parts)},
        ]
        for turn in self.turns:
            chat.append({"role": "assistant", "content": turn.reply})
            chat.append({"role": "user", "content": turn.output})
        return chat


@dataclass(frozen=True, slots=True)
class Completion:
    """A reply: the text, the tokens billed, seconds from dispatch to last byte.

    `finish` is `stop`, or `length` if the text was cut at `max_tokens`.
    """

    text: str
    usage: Usage
    service_time: float
    finish: str = "stop"


@runtime_checkable
class CountsPrompts(Protocol):
    """A client that bills prompts by a rule of its own, not by the length of their text."""

    def prompt_tokens(self, messages: Messages, query: Query) -> int:
        """The most that the prompt of such a call can be billed as."""
        ...


@runtime_checkable
class StreamsReplies(Protocol):
    """A client that can pass a reply on while the LLM writes it."""

    async def stream(
        self,
        backbone: Backbone,
        messages: Messages,
        *,
        query: Query,
        sample: int,
        on_text: Callable[[str], object],
    ) -> Completion:
        """One attempt, as `Client.complete` makes it.

        Args:
            backbone, messages, query, sample: the call.
            on_text: called with every piece; together they are the completion's text.

        Raises:
            CallError: no usable response, perhaps after some pieces; usage is None (unknown) unless
                the whole reply came and states it.
        """
        ...


class Client(Protocol):
    """Makes calls to LLMs. `label` is shown wherever results are (`simulated`, `live`)."""

    label: str

    def check(self, backbones: Iterable[Backbone]) -> None:
        """Raise ConfigError or EndpointError before any money is spent if a call cannot work."""
        ...

    def bind(self, task: Task) -> None:
        """Tell the client which task the queries belong to (simulations need its specimens)."""
        ...

    def endpoint(self, backbone: Backbone) -> str | None:
        """A backbone's endpoint: calls to one endpoint share rate limits and circuit.

        None: no network is involved, so nothing is limited or retried.
        """
        ...

    def request(self, backbone: Backbone, messages: Messages, query: Query) -> dict[str, Any]:
        """The identity of a call, JSON-able: model, messages, parameters; no key, no address."""
        ...

    async def complete(
        self, backbone: Backbone, messages: Messages, *, query: Query, sample: int
    ) -> Completion:
        """One attempt.

        Raises:
            CallError: no usable response.
        """
        ...

    async def aclose(self) -> None:
        """Free connections and servers."""
        ...
