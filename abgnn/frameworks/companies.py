"""`MetaGPT` and `ChatDev`: companies of roles that work one after the other and review."""

from __future__ import annotations

from collections.abc import Sequence

from abgnn.data.plan import Plan
from abgnn.data.program import AgentAnswer, Stage
from abgnn.data.template import Template
from abgnn.data.template_yaml import load_roles
from abgnn.frameworks.template import (
    FrameworkTemplate,
    at_least,
    inner_edges,
    senders,
    speakers,
)

Pairs = tuple[tuple[str, str], ...]

_REVIEW = (
    "{question}\n\nBelow is what a colleague has delivered. Do your part of the review: name what "
    "must change and why, or say that it stands."
)
_REVISE = (
    "{question}\n\nBelow are what you have delivered and a colleague's review of it. Deliver "
    "again, in full, with what the review shows to be wrong put right."
)


class Company(FrameworkTemplate):
    """Roles that work strictly one after the other; some of them review, and the author revises.

    An agent reads the latest work of those whose edges lead to it. On the edge from an author to a
    reviewer the review goes back: the author revises, `reviews` times, before the next one starts.
    Reviewers without an author do the work themselves. The decision agent reads everybody's latest.

    Calls: one per agent, and 2 · reviews - 1 more on each edge from an author to its reviewer.

    Args:
        name: of the template.
        role_set: packaged roles or a role file, the decision agent among them.
        edges: admissible messages, as role names.
        reviewed: those of them that are reviews.
        reviews: how often a review is written and followed.

    Raises:
        ConfigError: reviews below 1.
    """

    def __init__(
        self, name: str, role_set: str, edges: Pairs, reviewed: Pairs, reviews: int
    ) -> None:
        self.reviews, self._reviewed = at_least("reviews", reviews, 1), reviewed
        roles = load_roles(role_set)
        names = [role.name for role in roles]
        pairs = tuple((names.index(u), names.index(v)) for u, v in edges)
        super().__init__(Template(name, roles, pairs))

    def calls(self, plan: Plan) -> int:
        return len(plan.agents) + (2 * self.reviews - 1) * len(self._review_edges(plan))

    async def act(self, plan: Plan, stage: Stage) -> AgentAnswer | None:
        edges, reviews = inner_edges(plan), self._review_edges(plan)
        latest: dict[int, AgentAnswer] = {}
        log: list[AgentAnswer] = []  # the last one is what the next one waits for
        for agent in speakers(plan):
            sources = [u for u, v in edges if v == agent and u in latest]
            authors = [u for u in sources if (u, agent) in reviews]
            task = _REVIEW.format(question=stage.query.text) if authors else None
            reads = [latest[u] for u in sources]
            answer = await stage.call(agent, reads, task=task, after=log[-1:])
            if answer is not None:
                latest[agent] = answer
                log.append(answer)
                await self._follow(stage, authors, agent, latest, log)
        for_decision = [latest[u] for u in sorted(latest) if u in senders(plan)]
        return await stage.call(plan.decision, for_decision, after=log[-1:], last=True)

    async def _follow(
        self,
        stage: Stage,
        authors: Sequence[int],
        reviewer: int,
        latest: dict[int, AgentAnswer],
        log: list[AgentAnswer],
    ) -> None:
        """Authors revise; further reviews look at what they have made of it."""
        question = stage.query.text
        for author in authors:
            for number in range(self.reviews):
                if number:
                    task = _REVIEW.format(question=question)
                    again = await stage.call(reviewer, [latest[author]], task=task, after=log[-1:])
                    _keep(again, latest, log)
                task = _REVISE.format(question=question)
                reads = [latest[author], latest[reviewer]]
                done = await stage.call(author, reads, task=task, after=log[-1:])
                _keep(done, latest, log)

    def _review_edges(self, plan: Plan) -> set[tuple[int, int]]:
        names = [agent.role.name for agent in plan.agents]
        return {(u, v) for u, v in inner_edges(plan) if (names[u], names[v]) in self._reviewed}


def _keep(
    answer: AgentAnswer | None, latest: dict[int, AgentAnswer], log: list[AgentAnswer]
) -> None:
    if answer is not None:
        latest[answer.agent] = answer
        log.append(answer)


class MetaGPT(Company):
    """A company by its documents, after MetaGPT (Hong et al., arXiv 2308.00352).

    Requirements, design and tasks are documents that later roles subscribe to; the engineer
    delivers, the tester reviews.

    Args:
        reviews: how often the tester writes a review and the engineer follows it.
    """

    def __init__(self, reviews: int = 1) -> None:
        product, architect, project = "Product Manager", "Architect", "Project Manager"
        engineer, tester = "Engineer", "QA Engineer"
        edges = (
            (product, architect),
            (product, project),
            (architect, project),
            (architect, engineer),
            (project, engineer),
            (product, tester),
            (engineer, tester),
        )
        super().__init__("metagpt", "metagpt", edges, ((engineer, tester),), reviews)


class ChatDev(Company):
    """A company by its meetings, after ChatDev (Qian et al., arXiv 2307.07924).

    A chain of meetings of two from the demand to the program; then reviewer and tester in turn talk
    with the programmer, who revises.

    Args:
        reviews: how often reviewer and tester each write a review and the programmer follows it.
    """

    def __init__(self, reviews: int = 1) -> None:
        chief, product, technology = (
            "Chief Executive",
            "Chief Product Officer",
            "Chief Technologist",
        )
        programmer, reviewer, tester = "Programmer", "Code Reviewer", "Software Tester"
        edges = (
            (chief, product),
            (product, technology),
            (technology, programmer),
            (programmer, reviewer),
            (programmer, tester),
        )
        reviewed = ((programmer, reviewer), (programmer, tester))
        super().__init__("chatdev", "chatdev", edges, reviewed, reviews)
