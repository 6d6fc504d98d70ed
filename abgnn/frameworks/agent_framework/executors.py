"""The executors of a planned workflow: one takes the question, the others are the plan's agents."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Mapping, Sequence
from typing import Any

from agent_framework import (
    Agent,
    AgentExecutorResponse,
    AgentResponse,
    AgentResponseUpdate,
    BaseChatClient,
    ChatMiddlewareLayer,
    ChatResponse,
    ChatResponseUpdate,
    Content,
    Executor,
    FunctionInvocationLayer,
    Message,
    ResponseStream,
    UsageDetails,
    WorkflowContext,
    handler,
)
from agent_framework.observability import ChatTelemetryLayer

from abgnn.data.plan import Agent as Chosen
from abgnn.errors import ConfigError
from abgnn.frameworks.bridge import user_text
from abgnn.frameworks.lent_rollout import Answered

Task = str | Message | list[str | Message]
Replies = AgentExecutorResponse | list[AgentExecutorResponse]
Reply = Callable[[str], Awaitable[Answered]]


def task_text(task: Task) -> str:
    """A task as text.

    Raises:
        ConfigError: it holds something else: an image, a file.
    """
    messages = task if isinstance(task, list) else [task]
    for message in messages:
        for content in [] if isinstance(message, str) else message.contents:
            if content.type != "text":
                raise ConfigError("task", content.type, "texts")
    return "\n\n".join(m if isinstance(m, str) else m.text for m in messages)


class QuestionExecutor(Executor):
    """Takes the task of a run, and passes it on to the agents that wait for nobody.

    Args:
        name: its id.
        begin: called with every question.
    """

    def __init__(self, name: str, begin: Callable[[str], object]) -> None:
        super().__init__(name)
        self._begin = begin

    @handler
    async def take(
        self, task: str | Message | list[str | Message], ctx: WorkflowContext[Message]
    ) -> None:
        question = task_text(task)
        self._begin(question)
        await ctx.send_message(Message("user", [question]))


class PlanAgent(Executor):
    """One agent of a plan: reads the question and the replies that the plan's edges bring to it.

    Args:
        name: its id.
        place: in the plan.
        chosen: role and backbone.
        reads: whom it reads: id → role, in the plan's order. It may wait for others as well.
        reply: how its calls are made.
    """

    def __init__(
        self, name: str, place: int, chosen: Chosen, reads: Mapping[str, str], reply: Reply
    ) -> None:
        super().__init__(name)
        self.place, self.chosen, self.reads = place, chosen, dict(reads)
        client = ReplyClient(chosen.backbone, reply)
        self.agent = Agent(client, chosen.role.prompt, name=name, description=chosen.role.name)

    @handler
    async def first(
        self,
        question: Message,
        ctx: WorkflowContext[AgentExecutorResponse, AgentResponse | AgentResponseUpdate],
    ) -> None:
        await self._answer(question, [], ctx)

    @handler
    async def next(
        self,
        reply: AgentExecutorResponse,
        ctx: WorkflowContext[AgentExecutorResponse, AgentResponse | AgentResponseUpdate],
    ) -> None:
        await self._answer(reply.full_conversation[0], [reply], ctx)

    @handler
    async def join(
        self,
        replies: list[AgentExecutorResponse],
        ctx: WorkflowContext[AgentExecutorResponse, AgentResponse | AgentResponseUpdate],
    ) -> None:
        await self._answer(replies[0].full_conversation[0], replies, ctx)

    async def _answer(
        self,
        question: Message,
        replies: Sequence[AgentExecutorResponse],
        ctx: WorkflowContext[Any, Any],
    ) -> None:
        texts = {reply.executor_id: reply.agent_response.text for reply in replies}
        received = [(role, texts[name]) for name, role in self.reads.items() if texts[name]]
        shown = user_text(self.chosen.role, question.text, received)
        if ctx.is_streaming():
            stream = self.agent.run(shown, stream=True)
            async for update in stream:
                await ctx.yield_output(update)
            response = await stream.get_final_response()
        else:
            response = await self.agent.run(shown)
            await ctx.yield_output(response)
        conversation = [question, *response.messages]
        await ctx.send_message(AgentExecutorResponse(self.id, response, conversation))


class ReplyClient(
    FunctionInvocationLayer[Any],
    ChatMiddlewareLayer[Any],
    ChatTelemetryLayer[Any],
    BaseChatClient[Any],
):
    """A chat client whose replies come from one function of the user message; no tools.

    Args:
        model: shown in telemetry: the backbone.
        reply: called with the user message; the instructions are the plan's role anyway.
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
        answered = await self._reply(shown)
        return ChatResponse(
            messages=Message("assistant", [answered.text]),
            model=self.model,
            finish_reason="stop",
            usage_details=usage_of(answered),
            additional_properties=self._note(answered),
        )

    async def _updates(self, shown: str) -> AsyncIterable[ChatResponseUpdate]:
        answered = await self._reply(shown)
        contents = [Content.from_text(answered.text), Content.from_usage(usage_of(answered))]
        yield ChatResponseUpdate(
            role="assistant",
            contents=contents,
            model=self.model,
            finish_reason="stop",
            additional_properties=self._note(answered),
        )

    def _note(self, answered: Answered) -> dict[str, Any]:
        return {"backbone": self.model, "cost_usd": answered.cost}


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
