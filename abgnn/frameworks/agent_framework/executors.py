"""The executors of a planned workflow: one takes the question, the others are the plan's agents."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agent_framework import (
    Agent,
    AgentExecutorResponse,
    AgentResponse,
    AgentResponseUpdate,
    Executor,
    Message,
    WorkflowContext,
    handler,
)

from abgnn.data.plan import Agent as Chosen
from abgnn.errors import ConfigError
from abgnn.frameworks.agent_framework.clients import Reply, ReplyClient
from abgnn.frameworks.bridge import user_text

Task = str | Message | list[str | Message]
Begin = Callable[[str, bool], object]


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
        begin: called with every question, and whether its run streams.
    """

    def __init__(self, name: str, begin: Begin) -> None:
        super().__init__(name)
        self._begin = begin

    @handler
    async def take(
        self, task: str | Message | list[str | Message], ctx: WorkflowContext[Message]
    ) -> None:
        question = task_text(task)
        self._begin(question, ctx.is_streaming())
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
