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
from abgnn.rollout.executor import Executor


def evaluate(
    policy: Policy,
    mas: BaseMAS,
    executor: Executor,
    queries: Sequence[Query],
    *,
    samples: int = 1,
    first_sample: int = 0,
    batch_size: int = 256,
    sample: bool = False,
    phase: str = "test",
) -> list[Outcome]:
    """Run a policy's plans, `samples` rollouts of each query; queries in order, K in a row.

    `first_sample` numbers the first rollout, so that evaluation can use noise unseen in training;
    `phase` is the account that pays.
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
            outcomes += executor.run(plans, samples=ids, phase=phase)
    policy.train(training)
    return outcomes


@torch.no_grad()
def most_probable(policy: Policy, mas: BaseMAS, queries: Sequence[Query]) -> list[Plan]:
    """A policy's most probable plan for each question; nothing is spent."""
    batch = mas.batch(queries, encode=policy.reads_questions).to(device_of(policy))
    plans: list[Plan] = policy(batch, sample=False).plans()
    return plans
