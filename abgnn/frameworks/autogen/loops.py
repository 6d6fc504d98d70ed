"""`loop_to_autogen`: a closed loop as a `SelectorGroupChat` that decides after every answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from autogen_agentchat.agents import AssistantAgent, BaseChatAgent
from autogen_agentchat.base import Response
from autogen_agentchat.conditions import SourceMatchTermination
from autogen_agentchat.messages import BaseAgentEvent, BaseChatMessage, TextMessage
from autogen_agentchat.teams import SelectorGroupChat
from autogen_core import CancellationToken
from autogen_core.models import ChatCompletionClient

from abgnn.data.plan import Plan
from abgnn.frameworks.autogen.context import PlanContext
from abgnn.frameworks.autogen.members import Member
from abgnn.frameworks.bridge import identifiers
from abgnn.frameworks.loop_moves import Key, LoopMove, LoopMoves

ANSWER, MANAGER = "answer", "SelectorGroupChatManager"
FAILED = "failed"


def loop_to_autogen(
    plan: Plan,
    members: Mapping[str, Member],
    client_of: Callable[[int], ChatCompletionClient],
    suffixes: Sequence[str],
    key: Key,
) -> SelectorGroupChat:
    """A chat whose last message, by `answer`, is the answer that stands; no LLM selects or answers.

    Two agents that abgnn's executor would ask at once are asked one after the other.

    Args:
        plan: its program is a closed loop.
        members: agents by role, for tools and settings.
        client_of: the client of an agent by its place.
        suffixes: of the agents' backbones.
        key: of an answer.

    Raises:
        ConfigError: see `LoopMoves`.
    """
    moves = LoopMoves(plan, key)
    names = identifiers([a.role for a in plan.agents], taken=("user", ANSWER, MANAGER))
    chat = _Chat(moves, names)
    everybody = (*names, ANSWER)
    clients = [client_of(i) for i in range(len(names))]
    agents: list[BaseChatAgent] = []
    for i, chosen in enumerate(plan.agents):
        peers = zip(names[: moves.count], plan.agents, strict=False)
        senders = {name: peer.role.name for name, peer in peers} if moves.reads(i) else {}
        context = PlanContext(chosen.role, senders, everybody, suffixes[i])
        like = Member(chosen.role, members.get(chosen.role.name, Member(chosen.role)).settings)
        metadata = {"role": chosen.role.name, "backbone": chosen.backbone}
        agents.append(_Attempt(like.agent(names[i], clients[i], context, metadata)))
    return SelectorGroupChat(
        [*agents, _Answer(chat)],
        clients[0],  # AutoGen wants one; who speaks is never its choice
        termination_condition=SourceMatchTermination([ANSWER]),
        selector_func=chat.next,
    )


class _Chat:
    """What was said since the latest task, and what follows from it."""

    def __init__(self, moves: LoopMoves, names: Sequence[str]) -> None:
        self.moves, self.names = moves, tuple(names)

    def move(self, thread: Sequence[BaseAgentEvent | BaseChatMessage]) -> LoopMove:
        replies: dict[int, str] = {}
        failed: set[int] = set()
        for message in thread:
            if not isinstance(message, BaseChatMessage):
                continue
            if message.source not in self.names:  # a task, or the answer to an earlier one
                replies, failed = {}, set()
            elif FAILED in message.metadata:
                failed.add(self.names.index(message.source))
            else:
                replies[self.names.index(message.source)] = message.to_text()
        return self.moves.after(replies, failed)

    def next(self, thread: Sequence[BaseAgentEvent | BaseChatMessage]) -> str:
        """Name of who speaks next."""
        move = self.move(thread)
        return self.names[move.ask[0]] if move.ask else ANSWER


class _Attempt(BaseChatAgent):
    """An agent whose failed call ends no loop: it is evidence of nothing."""

    def __init__(self, agent: AssistantAgent) -> None:
        super().__init__(agent.name, agent.description)
        self.agent = agent

    @property
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        return (*self.agent.produced_message_types, TextMessage)

    async def on_messages(
        self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
    ) -> Response:
        try:
            return await self.agent.on_messages(messages, cancellation_token)
        except Exception as error:  # a client's, of many kinds
            why = f"{type(error).__name__}: {error}"
            text = TextMessage(content="", source=self.name, metadata={FAILED: why})
            return Response(chat_message=text)

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        await self.agent.on_reset(cancellation_token)


class _Answer(BaseChatAgent):
    """Says the answer that stands, and how likely it is right."""

    def __init__(self, chat: _Chat) -> None:
        super().__init__(ANSWER, "says the answer that stands")
        self._chat = chat

    @property
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        return (TextMessage,)

    async def on_messages(
        self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
    ) -> Response:
        move = self._chat.move(messages)
        if move.answer is None:
            reasons = [m.metadata[FAILED] for m in messages if FAILED in m.metadata]
            raise RuntimeError(f"no agent has answered: {'; '.join(reasons)}")
        known = {} if move.probability is None else {"probability": f"{move.probability:.4f}"}
        text = TextMessage(content=move.answer, source=ANSWER, metadata=known)
        return Response(chat_message=text)

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        """Nothing is kept."""
