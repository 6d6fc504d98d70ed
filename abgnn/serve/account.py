"""The account of an answer: dollars, seconds, every call, the plan; JSON-able."""

from __future__ import annotations

from typing import Any

from abgnn.data.loop_step import LoopStep
from abgnn.data.outcome import CallRecord, Outcome
from abgnn.data.plan import Plan
from abgnn.serve.offer import Team
from abgnn.serve.query_budget import QueryBudget


def account(
    outcome: Outcome, label: str, budget: QueryBudget, *, text: bool = False
) -> dict[str, Any]:
    """The account of an outcome, also of one without an answer.

    Args:
        outcome: of a question.
        label: how calls are made: `simulated`, `recorded` or `live`.
        budget: of this question.
        text: every call's text, too.
    """
    steps = [decided(step, outcome.plan) for step in outcome.steps]
    return {
        "calls_are": label,
        "cost_usd": outcome.cost,
        "paid_usd": outcome.paid,
        "latency_s": outcome.latency,
        "wall_s": outcome.wall_time,
        "calls": [call(record, text=text) for record in outcome.calls],
        "plan": Team.of(outcome.plan).to_dict(),
        "budget": {"cost_usd": budget.cost_usd, "latency_s": budget.latency_s},
        **({"steps": steps} if steps else {}),
        "late": [outcome.plan.agents[i].role.name for i in outcome.late],
    }


def call(record: CallRecord, *, text: bool) -> dict[str, Any]:
    """One call of the account."""
    return {
        "agent": record.agent,
        "round": record.round,
        "role": record.role,
        "backbone": record.backbone,
        "prompt_tokens": record.usage.prompt_tokens,
        "completion_tokens": record.usage.completion_tokens,
        "cost_usd": record.cost,
        "start_s": record.start,
        "end_s": record.end,
        **({"error": record.kind} if record.kind else {}),
        **({"text": record.text} if text else {}),
    }


def decided(step: LoopStep, plan: Plan) -> dict[str, Any]:
    """One decision of a closed loop; agents are indices into the plan's."""
    return {**step.to_dict(), "words": step.words([agent.backbone for agent in plan.agents])}


def why_none(outcome: Outcome) -> str:
    """Why there is no answer.

    The provider's message is not passed on: it may name endpoints and accounts.
    """
    kind = outcome.kind or "internal"
    failed = next((r for r in outcome.calls if r.kind == kind), None)
    who = "" if failed is None else f" ({failed.role} on {failed.backbone})"
    return f"the system could not answer: {kind}{who}"
