"""Runs the programs in outcomes with the public examples of their questions."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from abgnn.data.outcome import CallRecord, Outcome
from abgnn.rollout.ledger.base import Caller
from abgnn.rollout.toolbox import Toolbox


async def run_examples(
    outcomes: Sequence[Outcome], tools: Toolbox, run: str, phase: str
) -> list[tuple[bool | None, ...]]:
    """Per outcome and call whether its program passes; None: no examples, program, or answer.

    Args:
        outcomes: executed plans.
        tools: run the examples.
        run, phase: the account under which they are recorded.
    """

    async def passes(outcome: Outcome, call: CallRecord) -> bool | None:
        if call.error is not None:
            return None
        query = outcome.plan.query
        caller = Caller(
            run=run, phase=phase, query=query.id, sample=outcome.sample, round=call.round,
            agent=call.agent, turn=call.turn, role=call.role, backbone=call.backbone, model="",
            key="",
        )  # fmt: skip
        return await tools.examples(query, call.text, caller)

    return [  # one outcome's calls at a time: a sandbox has few workers
        tuple(await asyncio.gather(*(passes(outcome, call) for call in outcome.calls)))
        for outcome in outcomes
    ]
