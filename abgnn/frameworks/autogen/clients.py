"""AutoGen's LLM clients: OpenAI's by the catalogue, one that meters, one that calls a function."""

from __future__ import annotations

import os
import time
from abc import abstractmethod
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any

from autogen_core.models import (
    ChatCompletionClient,
    CreateResult,
    LLMMessage,
    ModelCapabilities,
    ModelFamily,
    ModelInfo,
    RequestUsage,
)
from autogen_ext.models.openai import OpenAIChatCompletionClient

from abgnn.data.backbone import Backbone, Usage
from abgnn.errors import EndpointError
from abgnn.rollout.clients.openai_errors import NO_KEY


def openai_client(backbone: Backbone, max_tokens: int | None = None) -> OpenAIChatCompletionClient:
    """AutoGen's client of a backbone: address, key, temperature 0, `max_tokens`, `extra_body`.

    The prompt suffix is not the client's but the agent's (`PlanContext`). A fallback is not taken.

    Args:
        backbone: from a catalogue.
        max_tokens: a lower bound on replies than the backbone's.

    Raises:
        EndpointError: the key's variable is not set.
    """
    return OpenAIChatCompletionClient(**_options(backbone, max_tokens))


def _options(backbone: Backbone, max_tokens: int | None) -> dict[str, Any]:
    limits = [n for n in (backbone.max_tokens, max_tokens) if n is not None]
    options: dict[str, Any] = {
        "model": backbone.model,
        "api_key": _key(backbone),
        "temperature": 0,
        "model_info": _info(tools=True),
        "include_name_in_message": False,
    }
    if backbone.base_url is not None:
        options["base_url"] = backbone.base_url
    if limits:
        options["max_tokens"] = min(limits)
    if backbone.extra_body:
        options["extra_body"] = dict(backbone.extra_body)
    return options


def _key(backbone: Backbone) -> str:
    name = backbone.api_key_env
    if name is None:
        return NO_KEY
    key = os.environ.get(name, "").strip()
    if not key:
        message = f"backbone {backbone.name}: the environment variable {name} is not set"
        raise EndpointError(message)
    return key


def _info(*, tools: bool) -> ModelInfo:
    """Of a model that knows tools and JSON, or text alone."""
    return ModelInfo(
        vision=False,
        function_calling=tools,
        json_output=tools,
        family=ModelFamily.UNKNOWN,
        structured_output=tools,
    )


@dataclass(frozen=True, slots=True)
class Made:
    """A call that AutoGen made: reply, tokens, and seconds on the monotonic clock."""

    text: str
    usage: Usage
    began: float
    ended: float
    tools: bool


class MeteredClient(OpenAIChatCompletionClient):
    """`openai_client` that records every call in `made`; nothing is streamed.

    Args:
        backbone, max_tokens: see `openai_client`.
        http: connections, shared by the clients of one rollout; whoever made them closes them.
    """

    def __init__(self, backbone: Backbone, max_tokens: int | None, http: object) -> None:
        options = _options(backbone, max_tokens) | {"http_client": http}
        super().__init__(**options)
        self.made: list[Made] = []

    async def create(self, messages: Sequence[LLMMessage], **kwargs: Any) -> CreateResult:
        began = time.perf_counter()
        result = await super().create(messages, **kwargs)
        usage = Usage(result.usage.prompt_tokens, result.usage.completion_tokens)
        if not usage.prompt_tokens:
            raise RuntimeError("the endpoint states no usage, so nobody knows what a call costs")
        tools = not isinstance(result.content, str)
        self.made.append(Made(_text(result), usage, began, time.perf_counter(), tools))
        return result

    async def create_stream(
        self, messages: Sequence[LLMMessage], **kwargs: Any
    ) -> AsyncGenerator[str | CreateResult, None]:
        yield await self.create(messages, **kwargs)


def _text(result: CreateResult) -> str:
    if isinstance(result.content, str):
        return result.content
    return "\n".join(f"{call.name}({call.arguments})" for call in result.content)


class AnsweringClient(ChatCompletionClient):
    """A client whose replies come from one function of the messages; no tools, no streams."""

    def __init__(self) -> None:
        self._used = RequestUsage(0, 0)

    @abstractmethod
    async def answer(self, messages: Sequence[LLMMessage]) -> str:
        """The reply; empty if there is none."""

    async def create(self, messages: Sequence[LLMMessage], **kwargs: Any) -> CreateResult:
        text = await self.answer(messages)
        return CreateResult(finish_reason="stop", content=text, usage=self._used, cached=False)

    async def create_stream(
        self, messages: Sequence[LLMMessage], **kwargs: Any
    ) -> AsyncGenerator[str | CreateResult, None]:
        yield await self.create(messages)

    async def close(self) -> None:
        """Nothing is held."""

    def actual_usage(self) -> RequestUsage:
        return self._used

    def total_usage(self) -> RequestUsage:
        return self._used

    def count_tokens(self, messages: Sequence[LLMMessage], **kwargs: Any) -> int:
        return 0

    def remaining_tokens(self, messages: Sequence[LLMMessage], **kwargs: Any) -> int:
        return 1 << 30

    @property
    def capabilities(self) -> ModelCapabilities:
        return {"vision": False, "function_calling": False, "json_output": False}

    @property
    def model_info(self) -> ModelInfo:
        return _info(tools=False)
