"""`to_autogen`: a plan as a team of `AssistantAgent`s in AutoGen's own runtime."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.teams import DiGraphBuilder, GraphFlow, SelectorGroupChat
from autogen_core.models import ChatCompletionClient

from abgnn.data.backbone import Backbone
from abgnn.data.catalogue import Catalogue
from abgnn.data.open_key import open_key
from abgnn.data.plan import Plan
from abgnn.frameworks.autogen.clients import openai_client
from abgnn.frameworks.autogen.context import PlanContext
from abgnn.frameworks.autogen.loops import loop_to_autogen
from abgnn.frameworks.autogen.members import Member, read_team
from abgnn.frameworks.bridge import (
    check_plain,
    identifiers,
    reads,
    waits,
)
from abgnn.frameworks.loop_moves import Key

ClientOf = Callable[[int], ChatCompletionClient]


def to_autogen(
    plan: Plan,
    catalogue: Catalogue,
    like: object | None = None,
    client: Callable[[Backbone, int | None], ChatCompletionClient] = openai_client,
    key: Key | None = None,
) -> GraphFlow | SelectorGroupChat:
    """The team that a plan stands for; `await team.run(task=plan.query.text)` carries it out.

    Every agent reads the task and the replies of those that the plan's edges lead from, nothing
    else, worded as by abgnn's own executor; the plan's decision agent speaks last. AutoGen starts
    agents level by level: nobody starts before all of the level before have answered. A closed
    loop becomes a group chat that decides after every answer whom to ask; its last message, by
    `answer`, is the one that stands, with `probability` in its metadata.

    Args:
        plan: a graph of one round, or a closed loop.
        catalogue: the backbones that it names.
        like: a team, or what `from_autogen` made of it, whose agents of the same roles lend their
            tools and settings; None: agents without tools.
        client: what makes the client of a backbone with a bound on replies.
        key: what an answer of a closed loop comes down to; None: `abgnn.data.open_key`.

    Raises:
        ConfigError: an unknown backbone, a plan of another kind (rounds, program, budget).
        EndpointError: a key's variable is not set.
    """
    if plan.program is None:
        check_plain(plan)
    backbones = [catalogue[agent.backbone] for agent in plan.agents]
    suffixes = [backbone.prompt_suffix for backbone in backbones]

    def client_of(i: int) -> ChatCompletionClient:
        return client(backbones[i], plan.agents[i].max_tokens)

    if plan.program is not None:
        return loop_to_autogen(plan, members_of(like), client_of, suffixes, key or open_key)
    return flow_of(plan, members_of(like), client_of, suffixes)


def members_of(like: object | None) -> Mapping[str, Member]:
    """Agents by role."""
    if like is None:
        return {}
    members = getattr(like, "members", None)
    if members is None:
        members = read_team(like).members
    return {member.role.name: member for member in members}


def names_of(plan: Plan) -> tuple[str, ...]:
    """AutoGen's names of a plan's agents; `user` is who puts the task."""
    return identifiers([agent.role for agent in plan.agents], taken=("user", "GraphManager"))


def flow_of(
    plan: Plan, members: Mapping[str, Member], client_of: ClientOf, suffixes: list[str]
) -> GraphFlow:
    """A flow whose agents have these clients; see `to_autogen`."""
    names, sources, waited = names_of(plan), reads(plan), waits(plan)
    agents: list[AssistantAgent] = []
    for i, chosen in enumerate(plan.agents):
        senders = {names[u]: plan.agents[u].role.name for u in sources[i]}
        context = PlanContext(chosen.role, senders, names, suffixes[i])
        metadata = {"role": chosen.role.name, "backbone": chosen.backbone}
        metadata |= {"answers": "yes"} if i == plan.decision else {}
        like = members.get(chosen.role.name, Member(chosen.role))
        like = Member(chosen.role, like.settings)
        agents.append(like.agent(names[i], client_of(i), context, metadata))
    builder = DiGraphBuilder()
    for agent in agents:
        builder.add_node(agent)
    for v, senders_of in enumerate(waited):
        for u in senders_of:
            builder.add_edge(agents[u], agents[v])
    return GraphFlow(builder.get_participants(), builder.build())
