"""Outcomes of every question with every budget and every pattern, for offline training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from abgnn.data.outcome import Outcome
from abgnn.data.query import Query
from abgnn.graph.base_mas import BaseMAS
from abgnn.models.bamas.policy import Bamas
from abgnn.rollout.executor import Executor


@dataclass(frozen=True)
class CrossProduct:
    """Outcomes of Q questions × B budgets × P patterns.

    Args:
        queries: Q questions.
        budgets_usd: B budgets, dollars per query.
        patterns: P names.
        score: in [0, 1], `[Q, B, P]`; 0 where there is no team.
        cost: USD, `[Q, B, P]`.
        feasible: whether a call was made at all, `[Q, B, P]` bool: a team was bought, and the
            budget admitted one of its agents.
        valid: whether the outcome can be learned from, `[Q, B, P]` bool: false where a call
            failed or a cap of the run stopped it. (In the release a failed call is a wrong answer.)
    """

    queries: Sequence[Query]
    budgets_usd: tuple[float, ...]
    patterns: tuple[str, ...]
    score: Tensor
    cost: Tensor
    feasible: Tensor
    valid: Tensor


def collect(
    policy: Bamas,
    mas: BaseMAS,
    executor: Executor,
    queries: Sequence[Query],
    *,
    sample: int = 0,
    phase: str = "train",
) -> CrossProduct:
    """Carry out the cross product of the policy's budgets and patterns, as released.

    All calls pass the executor: with a recording they are recorded, and a run that was stopped is
    continued by collecting again, at no cost for recorded calls.

    Args:
        policy: budgets, patterns and teams.
        mas: template and catalogue.
        executor: carries out and scores.
        queries: Q questions.
        sample: number of the rollout, a draw of its own in simulated worlds.
        phase: the account that pays.
    """
    policy.attach(mas.table)
    cells = [(q, b, p) for q in queries for b in policy.budgets_usd for p in policy.patterns]
    plans = [policy.market.plan(q, mas.template, p, b) for q, b, p in cells]
    outcomes = executor.run(plans, samples=[sample] * len(plans), phase=phase)
    shape = len(queries), len(policy.budgets_usd), len(policy.patterns)
    stopped = executor.exhausted is not None
    return CrossProduct(
        queries,
        policy.budgets_usd,
        policy.patterns,
        torch.tensor([o.score for o in outcomes]).view(shape),
        torch.tensor([o.cost for o in outcomes], dtype=torch.float64).view(shape),
        torch.tensor([bool(o.calls) for o in outcomes]).view(shape),
        torch.tensor([_valid(o, stopped=stopped) for o in outcomes]).view(shape),
    )


def _valid(outcome: Outcome, *, stopped: bool) -> bool:
    """Whether no call failed, except for the query's own budget."""
    own_budget = outcome.kind == "budget" and not stopped
    return outcome.error is None or own_budget
