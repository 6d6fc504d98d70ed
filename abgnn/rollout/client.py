"""What a client is: one call to one backbone, answered with text, usage and service time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

from abgnn.catalogue import Backbone, Usage
from abgnn.query import Query, Task
from abgnn.templates import Role

ErrorKind = Literal["timeout", "connection", "status", "malformed", "empty", "usage", "internal"]


class CallError(RuntimeError):
    """A call that gave no usable response; it costs its rollout, never the neighbours.

    Args:
        kind: `timeout`, `connection` (refused, reset), `status` (HTTP), `malformed` (no JSON, or
            not the agreed one), `empty` (no choice, no text), `usage` (tokens are not stated),
            `internal` (a bug of a client).
        message: what happened, without secrets.
        status: the HTTP status, if there was one.
        usage: tokens that were billed all the same.
        service_time: seconds until the failure.
    """

    def __init__(
        self,
        kind: ErrorKind,
        message: str,
        *,
        status: int | None = None,
        usage: Usage | None = None,
        service_time: float = 0.0,
    ) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind, self.message, self.status = kind, message, status
        self.usage, self.service_time = usage or Usage(), service_time


@dataclass(frozen=True, slots=True)
class Received:
    """A predecessor's response, labelled by its role; `earlier` if of the previous round."""

    role: str
    text: str
    earlier: bool = False


@dataclass(frozen=True, slots=True)
class Messages:
    """What an agent is told. `chat` renders it; the structure stays readable to simulations."""

    role: Role
    question: str
    received: tuple[Received, ...] = ()
    suffix: str = ""

    def chat(self) -> list[dict[str, str]]:
        """As chat messages: the role as system message, question and responses as user message."""
        parts = [self.question]
        when = {False: "answered", True: "answered in the previous round"}
        parts += [f"[{r.role}] {when[r.earlier]}:\n{r.text}" for r in self.received]
        if self.suffix:
            parts.append(self.suffix)
        return [
            {"role": "system", "content": self.role.prompt},
            {"role": "user", "content": "\n\n".join(parts)},
        ]


@dataclass(frozen=True, slots=True)
class Completion:
    """What came back: the text, the tokens billed, seconds from dispatch to last byte."""

    text: str
    usage: Usage
    service_time: float


class Client(Protocol):
    """How LLMs are reached. `label` is shown wherever results are (`simulated`, `live`)."""

    label: str

    def check(self, backbones: Iterable[Backbone]) -> None:
        """Raise ConfigError or EndpointError before any money is spent if a call cannot work."""
        ...

    def bind(self, task: Task) -> None:
        """Tell the client which task the queries belong to (simulations need its specimens)."""
        ...

    async def complete(
        self, backbone: Backbone, messages: Messages, *, query: Query, sample: int
    ) -> Completion:
        """One call.

        Raises:
            CallError: no usable response.
        """
        ...

    async def aclose(self) -> None:
        """Free connections and servers."""
        ...
