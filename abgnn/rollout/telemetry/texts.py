"""What a span says of a plan, and, only if asked for, of prompts and replies: JSON texts."""

from __future__ import annotations

import json

from abgnn.data.plan import Plan
from abgnn.data.query import Query


def plan_text(plan: Plan) -> str:
    """Who takes part and who reads whom; neither the question nor the prompts."""
    agents = [[agent.role.name, agent.backbone] for agent in plan.agents]
    parts = {"agents": agents, "edges": plan.edges, "decision": plan.decision}
    if plan.rounds > 1:
        parts |= {"rounds": plan.rounds, "temporal_edges": plan.temporal_edges}
    return json.dumps(parts, separators=(",", ":"))


def query_id(query: Query, *, texts: bool) -> str | None:
    """The question's id, unless that holds the question itself (`abgnn run`)."""
    return query.id if texts or query.text not in query.id else None


def input_messages(chat: list[dict[str, str]]) -> str:
    """Chat messages in the form of `gen_ai.input.messages`."""
    return json.dumps([{"role": m["role"], "parts": _parts(m["content"])} for m in chat])


def output_messages(text: str, finish: str) -> str:
    """A reply in the form of `gen_ai.output.messages`."""
    return json.dumps([{"role": "assistant", "parts": _parts(text), "finish_reason": finish}])


def _parts(text: str) -> list[dict[str, str]]:
    return [{"type": "text", "content": text}]
