"""What a client is: one call to one backbone, answered with text, usage and service time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from abgnn.catalogue import Backbone, Usage
from abgnn.query import Query, Task
from abgnn.templates import Role


@dataclass(frozen=True, slots=True)
class Received:
    """A predecessor's response, labelled by its role."""

    role: str
    text: str


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
        parts += [f"[{r.role}] answered:\n{r.text}" for r in self.received]
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
        """One call."""
        ...

    async def aclose(self) -> None:
        """Free connections and servers."""
        ...
