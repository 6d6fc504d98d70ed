"""The record of a call in an outcome, from the gateway's reply."""

from __future__ import annotations

from dataclasses import replace

from abgnn.data.backbone import Backbone
from abgnn.data.outcome import CallRecord
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
