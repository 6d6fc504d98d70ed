"""An AutoGen team as a framework: AutoGen makes the calls itself, or abgnn makes them for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import httpx2
import openai
from autogen_agentchat.messages import BaseChatMessage
from autogen_agentchat.teams import BaseGroupChat
from autogen_core.models import LLMMessage, SystemMessage

from abgnn.data.catalogue import Catalogue
from abgnn.data.framework import Message
from abgnn.data.plan import Plan
from abgnn.errors import ConfigError
from abgnn.frameworks.autogen.clients import AnsweringClient, MeteredClient
from abgnn.frameworks.autogen.flow import flow_of
from abgnn.frameworks.autogen.members import Member, Read, read_team
from abgnn.frameworks.autogen.running import Ledger, events_of
from abgnn.frameworks.bridge import check_plain, imported
from abgnn.frameworks.staged_calls import StagedCalls
from abgnn.frameworks.team import CallingTeam, StagedTeam


def _read(team: BaseGroupChat | str, answers: str | None) -> Read:
    return read_team(imported(team, "team") if isinstance(team, str) else team, answers)


class AutoGenTeam(CallingTeam):
    """A `Framework`: plans run as flows of AutoGen's, whose own clients call the LLMs; tools work.

    Every call is booked as AutoGen reports it, tokens by the provider's usage and seconds as
    measured per call, with the tools' in it; a call whose provider states no usage fails. Caps,
    recordings and replay do not reach such calls; the deadline does. What tools ask of LLMs of
    their own is not counted. Tool names are in the roles as `tool`.

    Args:
        team: a team, or `module:attribute` of one or of a function that makes one.
        catalogue: the backbones that plans name; or its YAML file.
        answers: see `read_team`.
    """

    def __init__(
        self,
        team: BaseGroupChat | str,
        catalogue: Catalogue | str,
        answers: str | None = None,
    ) -> None:
        self.read = _read(team, answers)
        super().__init__(self.read.drawn, catalogue)
        self._ssl = httpx2.create_ssl_context()  # costs much, so once

    @property
    def members(self) -> tuple[Member, ...]:
        """The agents with their tools and settings, the one that answers last."""
        return self.read.members

    async def run(self, plan: Plan) -> AsyncIterator[Message]:
        """Carry a plan out; yields each call once its agent has spoken."""
        check_plain(plan)
        http = openai.DefaultAsyncHttpxClient(verify=self._ssl)
        backbones = [self.catalogue[agent.backbone] for agent in plan.agents]
        limits = [agent.max_tokens for agent in plan.agents]
        clients = [MeteredClient(b, n, http) for b, n in zip(backbones, limits, strict=True)]
        suffixes = [backbone.prompt_suffix for backbone in backbones]
        team = flow_of(plan, self.read.by_role, lambda i: clients[i], suffixes)
        ledger = Ledger(plan, clients)
        try:
            async for event in events_of(team, plan.query.text):
                if isinstance(event, BaseChatMessage) and event.source in ledger.place:
                    for message in ledger.spoken(event):
                        yield message
        except (Exception, asyncio.CancelledError) as error:  # somebody else's code
            for message in ledger.rest():
                yield message
            if isinstance(error, RuntimeError):  # AutoGen puts a traceback into the text
                raise RuntimeError(str(error).partition("\n")[0]) from error
            raise
        finally:
            await http.aclose()


class StagedAutoGenTeam(StagedTeam):
    """A `StagedFramework`: AutoGen's runtime moves the messages, abgnn's gateway makes the calls.

    So caps, deadlines, recordings, replay and the simulated world hold. Tools would need calls of
    AutoGen's own: `AutoGenTeam` has them.

    Args:
        team: a team, or `module:attribute` of one or of a function that makes one.
        answers: see `read_team`.

    Raises:
        ConfigError: an agent has tools, or an output type of its own.
    """

    def __init__(self, team: BaseGroupChat | str, answers: str | None = None) -> None:
        self.read = _read(team, answers)
        super().__init__(self.read.drawn)
        for member in self.members:
            if member.role.tool or member.settings.get("output_content_type"):
                allowed = "no tools or output types; or from_autogen(team, catalogue), by which "
                allowed += "AutoGen makes the calls itself"
                raise ConfigError(f"team.{member.role.name}.tools", member.role.tool, allowed)

    @property
    def members(self) -> tuple[Member, ...]:
        """The agents with their settings, the one that answers last."""
        return self.read.members

    async def carry_out(self, plan: Plan, calls: StagedCalls) -> None:
        """Carry a plan out in AutoGen's runtime."""
        nothing = [""] * len(plan.agents)  # the gateway adds suffixes
        team = flow_of(plan, self.read.by_role, lambda i: _StageClient(calls, i), nothing)
        async for _ in events_of(team, plan.query.text):
            pass


def from_autogen(
    team: BaseGroupChat | str,
    catalogue: Catalogue | str | None = None,
    *,
    answers: str | None = None,
) -> AutoGenTeam | StagedAutoGenTeam:
    """A team that people already run, as the template of any policy.

    Args:
        team: `RoundRobinGroupChat`, `SelectorGroupChat` or `GraphFlow` of `AssistantAgent`s.
        catalogue: given, AutoGen's own clients make the calls, with tools (`AutoGenTeam`); None:
            abgnn makes them, capped, recorded or simulated (`StagedAutoGenTeam`).
        answers: see `read_team`.
    """
    if catalogue is None:
        return StagedAutoGenTeam(team, answers)
    return AutoGenTeam(team, catalogue, answers)


class _StageClient(AnsweringClient):
    def __init__(self, calls: StagedCalls, agent: int) -> None:
        super().__init__()
        self._calls, self._agent = calls, agent

    async def answer(self, messages: Sequence[LLMMessage]) -> str:
        system, user = messages
        assert isinstance(system, SystemMessage)
        assert system.content == self._calls.plan.agents[self._agent].role.prompt
        return await self._calls.call(self._agent, str(user.content))
