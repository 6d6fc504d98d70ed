"""An outcome and the records of its calls, from the gateway's replies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from abgnn.data.backbone import Backbone, Usage
from abgnn.data.outcome import CallRecord, Outcome
from abgnn.data.plan import Plan
from abgnn.rollout.calls import Reply
from abgnn.rollout.ledger.base import Caller
from abgnn.rollout.ledger.money import dollars


def terse(backbone: Backbone, most: int | None) -> Backbone:
    """The backbone with an agent's own bound on replies, if that is the lower one."""
    if most is None or (backbone.max_tokens is not None and backbone.max_tokens <= most):
        return backbone
    return replace(backbone, max_tokens=most)


def call_record(caller: Caller, reply: Reply, backbone: Backbone, start: float) -> CallRecord:
    """The record of an agent's call that began `start` seconds after its plan."""
    got = reply.response
    return CallRecord(
        agent=caller.agent,
        role=caller.role,
        backbone=backbone.name,
        usage=got.usage,
        cost=backbone.cost(got.usage),
        service_time=got.service_time,
        start=start,
        text=got.text,
        error=None if got.error is None else f"{got.error}: {got.message}",
        round=caller.round,
        kind=got.error,
        paid=dollars(reply.paid),
        turn=caller.turn,
        finish=got.finish,
        attempts=reply.attempts,
        retry_time=got.retry_time,
        queue_time=reply.queue_time,
    )


def outcome_of(
    plan: Plan,
    sample: int,
    calls: Sequence[CallRecord],
    answer: tuple[str, float] | None,
    wall_time: float,
) -> Outcome:
    """What came of a plan's calls; the answer is its text and its end on the plan's clock."""
    text, end = answer or ("", max((record.end for record in calls), default=0.0))
    return Outcome(
        plan=plan,
        answer=text,
        score=0.0,
        usage=sum((record.usage for record in calls), Usage()),
        cost=sum(record.cost for record in calls),
        latency=end,
        wall_time=wall_time,
        calls=tuple(sorted(calls, key=lambda r: (r.round, r.agent, r.turn))),
        sample=sample,
        paid=sum(record.paid for record in calls),
    )
