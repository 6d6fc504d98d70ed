"""`Tool`: a role's tool (the paper's plugin), which reads a reply and returns a text on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from abgnn.data.query import Query

LIMIT = 4000  # characters that an LLM reads


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The result of a tool.

    Args:
        text: shown to the agent and its readers; `LIMIT` characters at most.
        ok: whether the code ran to its end, or all examples passed.
        seconds: wall time of the run; queueing not counted.
    """

    text: str
    ok: bool
    seconds: float


@runtime_checkable
class Tool(Protocol):
    """A tool that a role can name."""

    name: str

    async def use(self, query: Query, reply: str) -> ToolResult | None:
        """Use the tool on a reply; None: the reply holds nothing for it."""
        ...


def shorten(text: str, limit: int = LIMIT) -> str:
    """The text, or its beginning and end with a mark between them."""
    if len(text) <= limit:
        return text
    mark = "\n[...]\n"
    half = (limit - len(mark)) // 2
    return text[:half] + mark + text[-half:]
