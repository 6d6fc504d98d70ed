"""`PlanContext`: an agent's model context that holds the question and its predecessors' replies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autogen_core.model_context import ChatCompletionContext
from autogen_core.models import LLMMessage, UserMessage

from abgnn.data.template import Role
from abgnn.errors import ConfigError
from abgnn.frameworks.bridge import user_text


class PlanContext(ChatCompletionContext):
    """Of all messages of a `GraphFlow`, those that the plan's edges bring to the agent.

    The latest task and the replies to it become one user message, in the words of abgnn's own
    executor; the agent's tool calls and their results follow as they are.

    Args:
        role: of the agent.
        reads: whom it reads: AutoGen's name → role, in the plan's order.
        team: AutoGen's names of everybody; who is not among them put the task.
        suffix: of the backbone, after the user message.
    """

    def __init__(
        self, role: Role, reads: Mapping[str, str], team: Sequence[str], suffix: str = ""
    ) -> None:
        super().__init__()
        self.role, self.reads, self.team, self.suffix = role, dict(reads), tuple(team), suffix

    async def get_messages(self) -> list[LLMMessage]:
        """The user message, and what the agent did since."""
        is_task = [isinstance(m, UserMessage) and m.source not in self.team for m in self._messages]
        last = max((i for i, task in enumerate(is_task) if task), default=-1)
        first = last
        while first > 0 and is_task[first - 1]:
            first -= 1
        question = "\n\n".join(_text(m) for m in self._messages[max(first, 0) : last + 1])
        replies: dict[str, str] = {}
        own: list[LLMMessage] = []
        for message in self._messages[last + 1 :]:
            if isinstance(message, UserMessage):
                replies[message.source] = _text(message)
            else:
                own.append(message)
        received = [(role, replies[name]) for name, role in self.reads.items() if replies.get(name)]
        content = user_text(self.role, question, received, self.suffix)
        return [UserMessage(content=content, source="user"), *own]


def _text(message: LLMMessage) -> str:
    content = message.content
    if isinstance(content, str):
        return content
    if not all(isinstance(part, str) for part in content):
        raise ConfigError("task", "an image", "texts")
    return "\n".join(str(part) for part in content)
