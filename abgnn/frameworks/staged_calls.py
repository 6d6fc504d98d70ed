"""`StagedCalls`: a plan on stage, where another system decides in which order agents are called."""

from __future__ import annotations

from abgnn.data.plan import Plan
from abgnn.data.program import AgentAnswer, Stage
from abgnn.frameworks.bridge import (
    levels,
    reads,
    user_text,
    waits,
)
from abgnn.rollout.stage import Aborted


class StagedCalls:
    """Turns another system's calls into calls on stage, and holds them against the plan.

    Agents are called level by level, as AutoGen and LangGraph do it: a call waits for all calls of
    the levels before, also those that it does not read.

    Args:
        plan: a graph of one round.
        stage: where calls are made.
    """

    def __init__(self, plan: Plan, stage: Stage) -> None:
        self.plan, self.stage = plan, stage
        self._answers: dict[int, AgentAnswer] = {}
        self._failure: Aborted | None = None
        self._reads, self._level = reads(plan), levels(waits(plan))

    async def call(self, agent: int, shown: str) -> str:
        """An agent's reply; empty if no call was possible, so that the system can end in order.

        Args:
            agent: index into the plan's agents.
            shown: what the system shows the agent, beside its prompt.

        Raises:
            RuntimeError: it is something else than the plan says.
        """
        received = [self._answers[u] for u in self._reads[agent] if u in self._answers]
        role, question = self.plan.agents[agent].role, self.plan.query.text
        if shown != user_text(role, question, [(s.role, s.text) for s in received]):
            raise RuntimeError(f"{role.name} is shown other messages than the plan says")
        before = [s for s in self._answers.values() if self._level[s.agent] < self._level[agent]]
        last = agent == self.plan.decision
        try:
            answer = await self.stage.call(agent, received, after=before, last=last, final=last)
        except Aborted as failure:
            self._failure = failure
            return ""
        if answer is None:
            return ""
        self._answers[agent] = answer
        return answer.text

    def answer(self) -> AgentAnswer | None:
        """What answers the question; None where no call was possible."""
        if self._failure is not None:
            raise self._failure
        return self._answers.get(self.plan.decision)
