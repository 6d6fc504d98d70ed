"""BAMAS's reward, as released: over a cross product, or of single rollouts (`BamasReward`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from abgnn.data.outcome import Outcome
from abgnn.errors import ConfigError
from abgnn.training.bamas_cross_product import CrossProduct

Benchmark = Literal["gsm8k", "math", "mbpp"]


@dataclass(frozen=True, slots=True)
class CompositeReward:
    r""":math:`R = w_{task} R_{task} + w_{budget} R_{budget}`; defaults as released for GSM8K.

    Args:
        task: R_task of a right answer; a wrong one has −task (1500 for MBPP). Scores between are
            interpolated.
        overflow: −R_budget of a query that cost more than B, which is impossible here (1500 for
            MATH, 2000 for MBPP).
        saving: R_budget of a right answer within B is saving · (1 − cost / B): nil beside the
            others, so that only overspending is punished.
        infeasible: −R where there was no team (150 for MBPP).
        task_weight, budget_weight: w.
    """

    task: float = 1000.0
    overflow: float = 1000.0
    saving: float = 1e-4
    infeasible: float = 120.0
    task_weight: float = 1.0
    budget_weight: float = 1.0

    @classmethod
    def released(cls, benchmark: Benchmark) -> CompositeReward:
        """The numbers that the release has for a benchmark."""
        if benchmark not in RELEASED:
            raise ConfigError("reward.benchmark", benchmark, ", ".join(get_args(Benchmark)))
        return cls(**RELEASED[benchmark])

    def __call__(self, data: CrossProduct) -> Tensor:
        """R of every cell, `[Q, B, P]`."""
        budget = torch.tensor(data.budgets_usd, dtype=torch.float64).view(1, -1, 1)
        return self.of(data.score, data.cost, budget, data.feasible)

    def of(self, score: Tensor, cost: Tensor, budget: Tensor, feasible: Tensor) -> Tensor:
        """R of scores, USD spent, USD allowed, and whether anybody was called; of one shape."""
        saved = self.saving * score * (1 - cost / budget)
        within = torch.where(cost > budget, torch.full_like(saved, -self.overflow), saved)
        total = self.task_weight * self.task * (2 * score - 1) + self.budget_weight * within
        return torch.where(feasible, total, torch.full_like(total, -self.infeasible)).float()


RELEASED: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "gsm8k": MappingProxyType({}),
        "math": MappingProxyType({"overflow": 1500.0}),
        "mbpp": MappingProxyType({"task": 1500.0, "overflow": 2000.0, "infeasible": 150.0}),
    }
)
"""Benchmark → what differs from GSM8K."""


class BamasReward(nn.Module):
    """The released reward of single rollouts, for `Reinforce(reward=…)` in place of Eq 9.

    Args:
        benchmark: whose numbers: `gsm8k` also for general questions, `mbpp` for code.
    """

    def __init__(self, benchmark: Benchmark = "gsm8k") -> None:
        super().__init__()
        self.composite = CompositeReward.released(benchmark)

    def forward(self, outcomes: Sequence[Outcome]) -> Tensor:
        """R `[n]`; without a budget nothing can be overspent or saved."""
        budgets = [o.plan.budget_usd or float("inf") for o in outcomes]
        score, cost, budget = (
            torch.tensor(values, dtype=torch.float64)
            for values in ([o.score for o in outcomes], [o.cost for o in outcomes], budgets)
        )
        return self.composite.of(
            score, cost, budget, torch.tensor([bool(o.calls) for o in outcomes])
        )
