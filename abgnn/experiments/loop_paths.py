"""What a closed loop did on a question: its path as a plan, in words, and all that it might do."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from abgnn.data.outcome import Outcome
from abgnn.data.plan import Plan
from abgnn.models.programs import ClosedLoopProgram
from abgnn.planning.closed_loop.decision_graph import DecisionGraph

_KEY = 14  # characters of an answer's key that are shown


def agent_names(plan: Plan) -> list[str]:
    """The agents' backbones, with their roles where these differ."""
    roles = {agent.role.name for agent in plan.agents}
    return [a.backbone if len(roles) == 1 else f"{a.role.name}: {a.backbone}" for a in plan.agents]


def words_of(outcome: Outcome) -> list[str]:
    """Every decision in words, in their order; none where no loop was carried out."""
    names = agent_names(outcome.plan)
    return [step.words(names) for step in outcome.steps]


def path_of(outcome: Outcome) -> Outcome:
    """The same outcome with a plan of those who were asked, each after those before; whose answer
    stands is the one that decides. Agents that were asked at once stand below each other."""
    asked = [agents for step in outcome.steps if (agents := step.asks)]
    order = [agent for agents in asked for agent in agents]
    if not order:
        return outcome
    place = {agent: i for i, agent in enumerate(order)}
    edges = tuple(
        (place[u], place[v]) for before, after in pairwise(asked) for u in before for v in after
    )
    last = outcome.steps[-1]
    stands = last.asks[0] if last.reads else last.answer
    decision = place[order[-1] if stands is None else stands]
    team = tuple(outcome.plan.agents[agent] for agent in order)
    return replace(outcome, plan=Plan(outcome.plan.query, team, edges, decision))


def beliefs_of(outcome: Outcome) -> str:
    """The answer that would stand at each decision, and how likely it was thought right, such as
    `A 71 %, A 94 %`; empty where nobody has answered."""
    seen = [(step, dict(step.answers)) for step in outcome.steps if step.answer is not None]
    parts = [
        f"{_short(keys[step.answer])} {100 * step.probability:.0f} %"
        for step, keys in seen
        if step.answer is not None
    ]
    return ", ".join(parts)


def graph_of(plan: Plan) -> DecisionGraph | None:
    """All that a closed loop may do on its question; None: the plan is another."""
    if not isinstance(plan.program, ClosedLoopProgram):
        return None
    return DecisionGraph.of(plan.program.problem, agent_names(plan))


def _short(key: str) -> str:
    key = " ".join(key.split()) or "no key"
    return key if len(key) <= _KEY else f"{key[: _KEY - 1]}…"
