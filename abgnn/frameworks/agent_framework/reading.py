"""What a workflow of Agent Framework's is: its agents' instructions, and who may read whom."""

from __future__ import annotations

from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter

from agent_framework import Workflow

from abgnn.errors import ConfigError
from abgnn.frameworks.agent_framework.executors import PlanAgent
from abgnn.frameworks.agent_framework.members import Member, member_of, only_passes
from abgnn.frameworks.bridge import Drawn

Pair = tuple[str, str]


def read_workflow(
    workflow: object, answers: str | None = None, passes: Sequence[str] = ()
) -> Drawn:
    """Roles and edges of a workflow.

    An agent reads those whose replies Agent Framework would bring to it: with the default context
    mode everybody upstream, with `last_agent` those right before it. Conditions on edges are
    dropped: from now on the policy decides who takes part.

    Args:
        workflow: of `Agent`s in an acyclic graph, by `WorkflowBuilder`, `SequentialBuilder` or
            `ConcurrentBuilder`.
        answers: id of the agent whose reply is the answer, and which then reads all whom nobody
            else reads; None: the only one that nobody reads, or the only such output.
        passes: ids of executors that are code and only pass replies on, so that they can be left
            out; those of `SequentialBuilder` and `ConcurrentBuilder` are left out anyway.

    Raises:
        ConfigError: no workflow, a loop, an executor that is no agent, an agent with tools or the
            like, several agents that may answer and no `answers`.
    """
    if not isinstance(workflow, Workflow):
        raise ConfigError(
            "workflow", type(workflow).__name__, "a Workflow, as `build()` returns it"
        )
    code = _code(workflow, passes)
    agents = {n: e for n, e in workflow.executors.items() if n not in code}
    members = {name: member_of(executor) for name, executor in agents.items()}
    heard = _heard(workflow, members)
    unread = [n for n in agents if not any(n in senders for senders in heard.values())]
    last = _answering(workflow, list(agents), unread, answers)
    if answers is not None:
        heard[last] = heard[last] | set(unread) - {last}
    order = sorted(agents, key=lambda n: (n == last, members[n].place))
    place = {name: i for i, name in enumerate(order)}
    edges = sorted((place[u], place[v]) for v, senders in heard.items() for u in senders)
    roles = tuple(members[name].role for name in order)
    backbones = tuple(members[name].backbone for name in order)
    return Drawn("AgentFramework", roles, tuple(edges), backbones)


def _code(workflow: Workflow, passes: Sequence[str]) -> set[str]:
    """Ids of the executors that are no agents and can be left out."""
    for name in passes:
        if name not in workflow.executors:
            raise ConfigError("passes", name, f"ids of executors: {', '.join(workflow.executors)}")
    named = set(passes)
    return named | {n for n, executor in workflow.executors.items() if only_passes(executor)}


def _heard(workflow: Workflow, members: dict[str, Member]) -> dict[str, set[str]]:
    """Per agent, whose replies come to it; code in between passes on what it gets."""
    before: dict[str, set[str]] = {name: set() for name in workflow.executors}
    for u, v in _pairs(workflow):
        before[v].add(u)
    try:
        order = list(TopologicalSorter(before).static_order())
    except CycleError as error:
        allowed = "no loop: in a plan every agent answers once"
        raise ConfigError("workflow.edges", " → ".join(error.args[1]), allowed) from error
    heard: dict[str, set[str]] = {}
    latest: dict[str, set[str]] = {}  # whose reply a message of this executor is
    whole: dict[str, set[str]] = {}  # whose replies are in the conversation that it carries
    for name in order:
        last = set[str]().union(*(latest[u] for u in before[name]))
        all_of_them = set[str]().union(*(whole[u] for u in before[name]))
        if name not in members:
            latest[name], whole[name] = last, all_of_them
            continue
        member, executor = members[name], workflow.executors[name]
        heard[name] = all_of_them if member.reads_all else last
        if isinstance(executor, PlanAgent):
            heard[name] = set(executor.reads)
        latest[name], whole[name] = {name}, {name} | heard[name]
    return heard


def _pairs(workflow: Workflow) -> set[Pair]:
    edges = [edge for group in workflow.edge_groups for edge in group.edges]
    known = workflow.executors  # other sources are Agent Framework's own
    return {(edge.source_id, edge.target_id) for edge in edges if edge.source_id in known}


def _answering(
    workflow: Workflow, names: Sequence[str], unread: Sequence[str], answers: str | None
) -> str:
    if answers is not None:
        if answers not in unread:
            raise ConfigError("answers", answers, f"an agent whom no other one reads: {unread}")
        return answers
    outputs = [name for name in unread if workflow.is_terminal_executor(name)] or unread
    if len(outputs) != 1:
        raise ConfigError("answers", None, f"the id of the one that answers, of {list(outputs)}")
    return outputs[0]
