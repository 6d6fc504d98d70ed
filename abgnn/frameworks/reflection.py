"""`SelfReflection`: every agent criticises and revises its own answer."""

from __future__ import annotations

from collections.abc import Mapping

from abgnn.data.plan import Plan
from abgnn.data.program import AgentAnswer, Stage
from abgnn.data.template import Template
from abgnn.data.template_yaml import build_template
from abgnn.frameworks.template import (
    FrameworkTemplate,
    at_least,
    domain_roles,
    walk,
)

_REFLECT = (
    "{question}\n\nBelow is your own answer. Look for what is wrong or missing in it, step by "
    "step, and list what you find; do not answer anew yet."
)
_REVISE = (
    "{question}\n\nBelow are your own answer and what you have found wrong with it. Answer "
    "anew, and keep what was right."
)


class SelfReflection(FrameworkTemplate):
    """Self-reflection (Madaan et al., Self-Refine, arXiv 2303.17651), in a graph of agents.

    Whoever works answers, then `rounds` times reflects on its answer and revises it; readers get
    the last version. With one role it is the single agent of the paper. The decision agent answers
    once, unless it is the only agent.

    Calls: (1 + 2 · rounds) per role agent, + 1 for the decision agent; a lone agent 1 + 2 · rounds.

    Args:
        rounds: of reflection and revision.
        domain: whose roles: `general`, `math`, `code`, or a role file.
        roles: names of some of them, in this order; None: all.

    Raises:
        ConfigError: an unknown role, or rounds below 1.
    """

    def __init__(
        self, rounds: int = 1, domain: str = "general", roles: list[str] | None = None
    ) -> None:
        self.rounds, chosen = at_least("rounds", rounds, 1), domain_roles(domain, roles)
        edges = build_template("complete", chosen).edges
        super().__init__(Template("self-reflection", chosen, edges), domain)

    def calls(self, plan: Plan) -> int:
        each, n = 1 + 2 * self.rounds, len(plan.agents)
        return each if n == 1 else (n - 1) * each + 1

    async def act(self, plan: Plan, stage: Stage) -> AgentAnswer | None:
        lone = len(plan.agents) == 1

        async def speak(agent: int, received: Mapping[int, AgentAnswer]) -> AgentAnswer | None:
            decides = agent == plan.decision
            answer = await stage.call(agent, tuple(received.values()), last=decides)
            if decides and not lone:
                return answer
            return await _revised(stage, answer, self.rounds, decides)

        return (await walk(len(plan.agents), plan.edges, speak))[plan.decision]


async def _revised(
    stage: Stage, answer: AgentAnswer | None, rounds: int, last: bool
) -> AgentAnswer | None:
    """The answer after reflection, as far as calls were possible."""
    question = stage.query.text
    for _ in range(rounds):
        if answer is None:
            return None
        task = _REFLECT.format(question=question)
        reflection = await stage.call(answer.agent, [answer], task=task, last=last)
        if reflection is None:
            return answer
        task = _REVISE.format(question=question)
        answer = (
            await stage.call(answer.agent, [answer, reflection], task=task, last=last) or answer
        )
    return answer
