"""What nodes of planned graphs leave in LangGraph's state."""

from __future__ import annotations

import operator
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeAlias, TypedDict

from langgraph.graph.state import CompiledStateGraph

from abgnn.data.backbone import Usage
from abgnn.rollout.clients.base import Completion, Messages

Call: TypeAlias = Callable[[int, Messages], Awaitable[Completion]]


class Reply(TypedDict):
    """A node's reply and its usage."""

    text: str
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    seconds: float


class Talk(TypedDict, total=False):
    """State of a planned graph: put in `question`; `answer` and all `replies` come out."""

    question: str
    replies: Annotated[dict[str, Reply], operator.or_]
    answer: str


Compiled: TypeAlias = "CompiledStateGraph[Any, None, Any, Any]"


def reply_of(made: Completion) -> Reply:
    """What a call leaves in the state."""
    used = made.usage
    return Reply(
        text=made.text,
        prompt_tokens=used.prompt_tokens,
        completion_tokens=used.completion_tokens,
        cached_tokens=used.cached_tokens,
        reasoning_tokens=used.reasoning_tokens,
        seconds=made.service_time,
    )


def usage_of(reply: Reply) -> Usage:
    """The tokens that a node left in the state."""
    return Usage(
        reply["prompt_tokens"],
        reply["completion_tokens"],
        reply["cached_tokens"],
        reply["reasoning_tokens"],
    )
