"""`GroupChat`: one conversation, a speaker at a time; and `Debate`, everybody at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from abgnn.data.plan import Plan
from abgnn.data.program import AgentAnswer, Stage
from abgnn.data.template import Template
from abgnn.data.template_yaml import build_template
from abgnn.frameworks.template import (
    FrameworkTemplate,
    at_least,
    domain_roles,
    neighbours,
    senders,
    speakers,
    together,
)

_SELECT = (
    "{question}\n\nYou chair the conversation below. Do not answer the question. Say who should "
    "speak next, by one of these names and nothing else: {names}."
)


class GroupChat(FrameworkTemplate):
    """AutoGen's group chats: agents speak one after the other into one conversation.

    A speaker waits for the one before, and reads all earlier messages of its neighbours (agents
    joined to it by an edge; in the system as it is, all) and its own. The decision agent reads the
    whole conversation.

    Round robin: everybody speaks once a round, in the template's order. Selector: before every turn
    the decision agent is asked who is next; nobody speaks twice in a row. A reply that does not
    name exactly one of them selects the agent that has spoken least.

    Calls: rounds · agents + 1, and with a selector one more for each turn with a choice.

    Args:
        selector: whether the decision agent selects speakers.
        rounds: turns per kept agent.
        domain: whose roles: `general`, `math`, `code`, or a role file.
        roles: names of some of them, in this order; None: all.

    Raises:
        ConfigError: an unknown role, or rounds below 1.
    """

    def __init__(
        self,
        selector: bool = False,
        rounds: int = 1,
        domain: str = "general",
        roles: list[str] | None = None,
    ) -> None:
        self.selector, self.rounds = selector, at_least("rounds", rounds, 1)
        name = "selector-group-chat" if selector else "round-robin-group-chat"
        chosen = domain_roles(domain, roles)
        super().__init__(Template(name, chosen, build_template("group_chat", chosen).edges), domain)

    def calls(self, plan: Plan) -> int:
        n = len(plan.agents) - 1
        turns = n * self.rounds
        choices = (0 if n < 2 else 1 if n == 2 else turns) if self.selector else 0
        return turns + choices + 1

    async def act(self, plan: Plan, stage: Stage) -> AgentAnswer | None:
        order, near = speakers(plan), neighbours(plan)
        chat: list[AgentAnswer] = []
        spoken = Counter[int]()
        previous: int | None = None
        for turn in range(len(order) * self.rounds):
            after: list[AgentAnswer] = chat[-1:]
            speaker = order[turn % len(order)]
            if self.selector:
                able = [a for a in order if a != previous or len(order) == 1]
                speaker, chosen = await _selected(plan, stage, able, spoken, chat)
                after = [*after, *chosen]
            received = [answer for answer in chat if answer.agent in near[speaker]]
            answer = await stage.call(speaker, received, after=after)
            chat += [answer] if answer is not None else []
            spoken[speaker] += 1
            previous = speaker
        for_decision = [answer for answer in chat if answer.agent in senders(plan)]
        return await stage.call(plan.decision, for_decision, after=chat[-1:], last=True)


async def _selected(
    plan: Plan, stage: Stage, able: Sequence[int], spoken: Counter[int], chat: Sequence[AgentAnswer]
) -> tuple[int, list[AgentAnswer]]:
    """The next speaker, and the reply that chose it."""
    if len(able) == 1:
        return able[0], []
    names = {a: plan.agents[a].role.name for a in able}
    task = _SELECT.format(question=stage.query.text, names=", ".join(names.values()))
    choice = await stage.call(plan.decision, chat, task=task)
    named = [] if choice is None else _named(choice.text, names)
    least = min(able, key=lambda a: spoken[a])  # the first of them
    return named[0] if len(named) == 1 else least, [choice] if choice is not None else []


def _named(text: str, names: dict[int, str]) -> list[int]:
    """Whom a text names; a name inside a longer one that is there does not count."""
    agents: list[int] = []
    for agent, name in sorted(names.items(), key=lambda item: -len(item[1])):
        if name.casefold() in text.casefold():
            agents.append(agent)
            text = text.casefold().replace(name.casefold(), "\0")
    return agents


class Debate(FrameworkTemplate):
    """Multi-agent debate (Du et al., arXiv 2305.14325).

    Everybody answers alone; in each further round everybody answers again, having read the last
    answers of those whom an edge joins it with, and its own. The decision agent reads the last
    round.

    Calls: rounds · agents + 1.

    Args:
        rounds: answers per agent.
        domain: whose roles: `general`, `math`, `code`, or a role file.
        roles: names of some of them, in this order; None: all.

    Raises:
        ConfigError: an unknown role, or rounds below 1.
    """

    def __init__(
        self, rounds: int = 2, domain: str = "general", roles: list[str] | None = None
    ) -> None:
        self.rounds, chosen = at_least("rounds", rounds, 1), domain_roles(domain, roles)
        super().__init__(
            Template("debate", chosen, build_template("complete", chosen).edges), domain
        )

    def calls(self, plan: Plan) -> int:
        return (len(plan.agents) - 1) * self.rounds + 1

    async def act(self, plan: Plan, stage: Stage) -> AgentAnswer | None:
        agents, near = sorted(speakers(plan)), neighbours(plan)
        latest: dict[int, AgentAnswer] = {}
        for _ in range(self.rounds):
            received = {
                a: [latest[b] for b in agents if b in latest and b in near[a]] for a in agents
            }
            replies = await together(stage.call(a, received[a]) for a in agents)
            latest |= {answer.agent: answer for answer in replies if answer is not None}
        for_decision = [latest[a] for a in agents if a in latest and a in senders(plan)]
        return await stage.call(plan.decision, for_decision, last=True)
