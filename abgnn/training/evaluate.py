"""Evaluation of a policy on held-out queries, as one row of means."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from abgnn.data.outcome import Outcome
from abgnn.data.plan import Plan
from abgnn.data.query import Query
from abgnn.graph.base_mas import BaseMAS
from abgnn.graph.device import device_of
from abgnn.models.policy import Policy
from abgnn.rollout.plan_runner import PlanRunner

Known = dict[tuple[Plan, int], Outcome]
"""Plan and number of the rollout → what came of it."""


def evaluate(
    policy: Policy,
    mas: BaseMAS,
    executor: PlanRunner,
    queries: Sequence[Query],
    *,
    samples: int = 1,
    first_sample: int = 0,
    batch_size: int = 256,
    sample: bool = False,
    phase: str = "test",
    known: Known | None = None,
) -> list[Outcome]:
    """Run a policy's plans, `samples` rollouts of each query; queries in order, K in a row.

    `first_sample` numbers the first rollout, so that evaluation can use noise unseen in training;
    `phase` is the account that pays. Rollouts that are `known` are not made again, and those that
    are made become known: several policies have many plans in common.
    """
    policy.attach(mas.table)
    outcomes: list[Outcome] = []
    training = policy.training
    policy.eval()
    with torch.no_grad():
        for start in range(0, len(queries), batch_size):
            chunk = queries[start : start + batch_size]
            batch = mas.batch(chunk, samples).to(device_of(policy))
            plans = policy(batch, sample=sample).plans()
            ids = [first_sample + k for _ in chunk for k in range(samples)]
            outcomes += _carried_out(executor, plans, ids, phase, known)
    policy.train(training)
    return outcomes


def _carried_out(
    executor: PlanRunner, plans: list[Plan], ids: list[int], phase: str, known: Known | None
) -> list[Outcome]:
    if known is None or any(plan.program is not None for plan in plans):  # these may remember
        return executor.run(plans, samples=ids, phase=phase)
    pairs = list(zip(plans, ids, strict=True))
    new = list(dict.fromkeys(pair for pair in pairs if pair not in known))
    made = executor.run([plan for plan, _ in new], samples=[k for _, k in new], phase=phase)
    of = dict(zip(new, made, strict=True))
    known.update((pair, outcome) for pair, outcome in of.items() if outcome.error is None)
    return [of[pair] if pair in of else known[pair] for pair in pairs]


@torch.no_grad()
def most_probable(policy: Policy, mas: BaseMAS, queries: Sequence[Query]) -> list[Plan]:
    """A policy's most probable plan for each question; nothing is spent."""
    batch = mas.batch(queries, encode=policy.reads_questions).to(device_of(policy))
    plans: list[Plan] = policy(batch, sample=False).plans()
    return plans
