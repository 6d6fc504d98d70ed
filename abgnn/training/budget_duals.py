"""`BudgetDuals`: adjusts λ's to stated budgets by dual steps, from the planner's prices."""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from abgnn.data.query import Query
from abgnn.models.policy import Policy
from abgnn.planning.assignment import assignment_prices
from abgnn.planning.budgets import Budget
from abgnn.planning.calibration import Calibration
from abgnn.planning.planner import plan
from abgnn.training.imitation import check_calibration
from abgnn.training.module import RolloutModule, module_of
from abgnn.training.profiles_alone import profiles_alone

_log = logging.getLogger(__name__)
_FEWEST = 8  # rollouts that a dual step is made on


class BudgetDuals(Callback):
    r"""Stated budgets in place of λ's (`Reinforce(budget=…)` adds this callback).

    .. math:: \lambda \leftarrow \lambda \exp(\eta \, \mathrm{clip}(\log(use / aim), -1, 1))

    after every training step, for cost and latency each, on the last `window` rollouts. The λ's
    start as the prices that the planner's linear programme puts on the budgets, from a calibration
    or from the profiles alone; for a `Router` with a warm start, which predicts every training
    question, as the prices of the best assignment of questions to LLMs. Use of cost is its mean
    over rollouts, use of latency its mean or the quantile that the budget names. Checkpoints keep
    the λ's and the rollouts; ranks of a distributed run share them.

    Args:
        budget: USD and seconds per query.
        calibration: a file that `abgnn calibrate` wrote; None: profiles alone.
        rate: η.
        window: rollouts that use is measured on.
    """

    def __init__(
        self,
        budget: Budget,
        calibration: str | None = None,
        rate: float = 0.1,
        window: int = 64,
    ) -> None:
        self.budget, self.calibration, self.rate = budget, calibration, rate
        self.lambdas: tuple[float, float] | None = None
        self._seen: deque[tuple[float, float]] = deque(maxlen=window)

    def state_dict(self) -> dict[str, Any]:
        return {"lambdas": self.lambdas, "seen": list(self._seen)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.lambdas = state_dict["lambdas"]
        self._seen.extend(state_dict["seen"])

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        module = module_of(pl_module)
        if self.lambdas is None:
            queries = trainer.datamodule.queries("train")  # type: ignore[attr-defined]
            self.lambdas = self._starting(module, queries)
            _log.info("budgets: λ_tok %.4g per USD, λ_lat %.4g per second", *self.lambdas)
        module.set_tradeoff(*self.lambdas)

    def _starting(self, module: RolloutModule, queries: Sequence[Query]) -> tuple[float, float]:
        predicted = module.policy.predicted(module.mas.batch(queries).to(module.device))
        if predicted is not None:  # predictions for every question
            score, usd, seconds = (x.detach().double().cpu().numpy() for x in predicted)
            return assignment_prices(score, usd, seconds, self.budget)
        if self.calibration is None:
            known = profiles_alone(module.mas, queries)
        else:
            known = Calibration.load(self.calibration)
            check_calibration("BudgetDuals.calibration", known, module.mas)
        return starting_prices(self.budget, known, module.policy)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        module = module_of(pl_module)
        assert self.lambdas is not None
        self._seen.extend((o.cost, o.latency) for o in module.outcomes if o.kind != "budget")
        n = len(self._seen)
        use = used(self.budget, list(self._seen)) if n else (0.0, 0.0)
        mine = torch.tensor([*(n * u for u in use), n], dtype=torch.float32)
        shared = trainer.strategy.reduce(mine.to(pl_module.device), reduce_op="sum")
        assert isinstance(shared, torch.Tensor)  # every rank's, also of one whose rollouts failed
        *sums, total = shared.tolist()
        if total >= _FEWEST:
            ratios = [s / total for s in sums]
            self.lambdas = stepped(self.lambdas, ratios, self.budget.aim, self.rate)
            module.set_tradeoff(*self.lambdas)
            self._show(module, ratios)

    def _show(self, module: LightningModule, ratios: Sequence[float]) -> None:
        reinforce = module_of(module)
        budgets = {"cost_usd": self.budget.cost_usd, "latency_s": self.budget.latency_s}
        values: dict[str, float] = {}
        for (name, budget), value, ratio in zip(
            budgets.items(), self.lambdas or (), ratios, strict=True
        ):
            if budget is not None:
                values[f"lambda/{name}"] = value
                values[f"slack/{name}"] = budget * (1 - ratio)
                values[f"violation/{name}"] = max(0.0, ratio - 1)
        reinforce.log_dict(
            {f"{reinforce.label}/train/{k}": v for k, v in values.items()},
            batch_size=len(reinforce.outcomes),
            on_step=True,
            on_epoch=False,
        )


def used(budget: Budget, seen: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Cost and latency over their budgets; 0 where there is none."""
    cost, latency = np.array(seen).T
    q = budget.quantile
    taken = float(latency.mean() if q is None else np.quantile(latency, q))
    return (
        0.0 if budget.cost_usd is None else float(cost.mean()) / budget.cost_usd,
        0.0 if budget.latency_s is None else taken / budget.latency_s,
    )


def stepped(
    lambdas: tuple[float, float], ratios: Sequence[float], aim: float, rate: float
) -> tuple[float, float]:
    """One dual step; a λ without a budget is 0 and stays so."""
    tok, lat = (
        value * math.exp(rate * min(max(math.log(max(ratio, 1e-9) / aim), -1.0), 1.0))
        for value, ratio in zip(lambdas, ratios, strict=True)
    )
    return tok, lat


def starting_prices(budget: Budget, known: Calibration, policy: Policy) -> tuple[float, float]:
    """The planner's prices in the policy's plan space, at least 0.01 points of score per budget.

    A price of 0 could never rise. For a quantile the price is that of the mean at two thirds of the
    budget: calls' seconds spread about that much.
    """
    space = policy.plan_space(known)
    latency = budget.latency_s
    if latency is not None and budget.quantile is not None:
        latency = latency * 2 / 3
    aimed = Budget(budget.cost_usd, latency, margin=budget.aim)
    prices = plan(known, aimed, space, nearest=True).prices
    tok, lat = (
        0.0 if b is None else max(price, 1e-4 / b)
        for price, b in zip(prices, (budget.cost_usd, latency), strict=True)
    )
    return tok, lat
