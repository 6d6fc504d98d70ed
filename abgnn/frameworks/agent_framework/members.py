"""An executor of a workflow as a member of a team; what cannot be one is refused by name."""

from __future__ import annotations

from dataclasses import dataclass

from agent_framework import AgentExecutor, Executor, HistoryProvider, RawAgent, WorkflowExecutor

from abgnn.data.template import Role
from abgnn.errors import ConfigError
from abgnn.frameworks.agent_framework.executors import PlanAgent, QuestionExecutor

_BUILDERS = "agent_framework_orchestrations"
_PASSING = ("_InputToConversation", "_DispatchToAllParticipants", "_AggregateAgentConversations")


@dataclass(frozen=True, slots=True)
class Member:
    """An agent: its role; the backbone and the place in the plan, if it says; and whether it reads
    the whole conversation before it, or only the replies that come right before."""

    role: Role
    backbone: str | None = None
    place: int = 0
    reads_all: bool = True


def only_passes(executor: Executor) -> bool:
    """Whether an executor of Agent Framework's, or of ours, only passes messages on."""
    kind = type(executor)
    theirs = kind.__module__.startswith(_BUILDERS) and kind.__name__ in _PASSING
    return theirs or isinstance(executor, QuestionExecutor)


def member_of(executor: Executor) -> Member:
    """An agent of the team.

    Raises:
        ConfigError: something else, or an agent with what cannot be carried over.
    """
    if isinstance(executor, PlanAgent):
        return Member(executor.chosen.role, executor.chosen.backbone, executor.place)
    at = f"workflow.executors[{executor.id}]"
    if type(executor) is not AgentExecutor:
        raise ConfigError(at, type(executor).__name__, _allowed(executor))
    agent = executor.agent
    if not isinstance(agent, RawAgent):
        raise ConfigError(
            f"{at}.agent", type(agent).__name__, "Agent: its instructions say its role"
        )
    _check_agent(agent, at)
    mode = executor._context_mode
    if mode == "custom":
        allowed = "full or last_agent: edges say who reads whom, no function"
        raise ConfigError(f"{at}.context_mode", mode, allowed)
    prompt = str(agent.default_options["instructions"])
    return Member(Role(executor.id, prompt), reads_all=mode == "full")


def _allowed(executor: Executor) -> str:
    """What may stand in place of an executor that is no agent."""
    if _asks_people(executor):
        return "no human input: a plan runs without people"
    if isinstance(executor, WorkflowExecutor):
        return "no nested workflow: its agents in this one"
    if isinstance(executor, AgentExecutor) or type(executor).__module__.startswith(_BUILDERS):
        return "agents in a graph: chats and handoffs that somebody leads decide as they go"
    return f'an agent; or passes=["{executor.id}"], if this code only passes replies on'


def _asks_people(executor: Executor) -> bool:
    if isinstance(executor, WorkflowExecutor):
        return any(_asks_people(inner) for inner in executor.workflow.executors.values())
    return executor.is_request_response_capable and not isinstance(executor, AgentExecutor)


def _check_agent(agent: RawAgent, at: str) -> None:
    """Refuse what the calls of our gateway would lack."""
    options = agent.default_options
    if not agent.name:
        raise ConfigError(f"{at}.name", agent.name, "a name: policies tell agents apart by it")
    if not str(options.get("instructions") or "").strip():
        allowed = "a text: policies tell agents apart by it"
        raise ConfigError(f"{at}.instructions", options.get("instructions"), allowed)
    tools = [getattr(tool, "name", type(tool).__name__) for tool in options.get("tools") or ()]
    tools += [tool.name for tool in agent.mcp_tools]
    if tools:
        allowed = "no tools: abgnn makes the calls, and passes none of Agent Framework's on"
        raise ConfigError(f"{at}.tools", tools, allowed)
    if options.get("response_format") is not None:
        raise ConfigError(
            f"{at}.response_format", options["response_format"], "none: replies are texts"
        )
    providers = [p for p in agent.context_providers if not isinstance(p, HistoryProvider)]
    if providers:
        names = [type(provider).__name__ for provider in providers]
        allowed = "none: an agent reads the question and the replies of others, nothing else"
        raise ConfigError(f"{at}.context_providers", names, allowed)
    if agent.middleware:
        names = [getattr(m, "__name__", type(m).__name__) for m in agent.middleware]
        raise ConfigError(f"{at}.middleware", names, "none: abgnn's gateway makes the calls")
