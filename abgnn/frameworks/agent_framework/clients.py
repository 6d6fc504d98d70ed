"""`ReplyClient`: a chat client of Agent Framework's whose replies come from one function."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

from agent_framework import (
    BaseChatClient,
    ChatMiddlewareLayer,
    ChatResponse,
    ChatResponseUpdate,
    Content,
    FunctionInvocationLayer,
    Message,
    ResponseStream,
    UsageDetails,
)
from agent_framework.observability import ChatTelemetryLayer

from abgnn.frameworks.lent_rollout import Answered
from abgnn.rollout.calls import OnText

Reply: TypeAlias = Callable[[str, OnText | None], Awaitable[Answered]]


class ReplyClient(
    FunctionInvocationLayer[Any],
    ChatMiddlewareLayer[Any],
    ChatTelemetryLayer[Any],
    BaseChatClient[Any],
):
    """A chat client whose replies come from one function of the user message; no tools.

    Args:
        model: shown in telemetry: the backbone.
        reply: called with the user message, and with what takes pieces of a streamed reply (on any
            thread); the instructions are the plan's role anyway.
    """

    OTEL_PROVIDER_NAME = "abgnn"

    def __init__(self, model: str, reply: Reply) -> None:
        super().__init__()
        self.model, self._reply = model, reply

    def _inner_get_response(
        self,
        *,
        messages: Sequence[Message],
        stream: bool,
        options: Mapping[str, Any],
        **kwargs: Any,
    ) -> Awaitable[ChatResponse] | ResponseStream[ChatResponseUpdate, ChatResponse]:
        [message] = messages
        if stream:
            return self._build_response_stream(self._updates(message.text))
        return self._response(message.text)

    async def _response(self, shown: str) -> ChatResponse:
        answered = await self._reply(shown, None)
        return ChatResponse(
            messages=Message("assistant", [answered.text]),
            usage_details=usage_of(answered),
            **self._facts(answered),
        )

    async def _updates(self, shown: str) -> AsyncIterable[ChatResponseUpdate]:
        loop, pieces = asyncio.get_running_loop(), asyncio.Queue[str | None]()

        def on_text(piece: str) -> None:
            loop.call_soon_threadsafe(pieces.put_nowait, piece)

        work = asyncio.ensure_future(self._reply(shown, on_text))
        work.add_done_callback(lambda _: pieces.put_nowait(None))
        begun = ""
        try:
            while (piece := await pieces.get()) is not None:
                begun += piece
                yield ChatResponseUpdate(role="assistant", contents=[Content.from_text(piece)])
        finally:
            work.cancel()
            await asyncio.wait({work})
        answered = work.result()
        rest = Content.from_text(answered.text.removeprefix(begun))
        contents = [rest, Content.from_usage(usage_of(answered))]
        yield ChatResponseUpdate(role="assistant", contents=contents, **self._facts(answered))

    def _facts(self, answered: Answered) -> dict[str, Any]:
        backbone = answered.backbone or self.model
        return {
            "model": backbone,
            "finish_reason": answered.finish,
            "additional_properties": {"backbone": backbone, "cost_usd": answered.cost},
        }


def usage_of(answered: Answered) -> UsageDetails:
    """Tokens in Agent Framework's words."""
    used = answered.usage
    return UsageDetails(
        input_token_count=used.prompt_tokens,
        output_token_count=used.completion_tokens,
        total_token_count=used.prompt_tokens + used.completion_tokens,
        cache_read_input_token_count=used.cached_tokens,
        reasoning_output_token_count=used.reasoning_tokens,
    )
