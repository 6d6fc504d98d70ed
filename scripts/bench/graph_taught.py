"""One simulated world with its calibration, and policies that it has taught; no call after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import torch
from lightning.pytorch import seed_everything
from silent import trainer
from torch import Tensor

from abgnn.data.plan import Plan
from abgnn.data.query import Query
from abgnn.errors import ConfigError
from abgnn.experiments.calibrate import calibrate_experiment
from abgnn.experiments.experiment import Experiment
from abgnn.graph.base_mas import BaseMAS
from abgnn.models import AgentBalance, FixedGraph, PlanNet, Policy
from abgnn.models.questions import questions_of
from abgnn.planning.calibration import Calibration
from abgnn.planning.design import Design
from abgnn.training import Reinforce, Teacher
from abgnn.training.operating_points import design_of
from datamodules import QuickQA

READS, NET, BALANCE = "planner by question", "PlanNet, taught", "AgentBalance, taught"
NETS = {NET: PlanNet, BALANCE: AgentBalance}
DEAREST = 3000.0  # accuracy per USD
BUDGETS = (4.6e-4, 8.5e-4, 2.1e-3, 4.9e-3)  # USD per question


class Kinds(QuickQA):
    """Some subjects of QuickQA, or all.

    Args:
        subjects: names; None: all.
        copies: of every question, which differ in what a text does not say (hidden difficulty).
    """

    def __init__(
        self,
        subjects: Sequence[str] | None = None,
        copies: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(n_val=0, **kwargs)
        self.subjects, self.copies = subjects, copies

    def load(self) -> list[Query]:
        chosen = self.subjects
        return [q for q in super().load() if not chosen or q.meta["subject"] in chosen]

    def tested(self) -> list[Query]:
        """The test questions, `copies` times."""
        copies = range(self.copies)
        return [replace(q, id=f"{q.id}~{k}") for q in self.queries("test") for k in copies]


class Setting:
    """Questions, a client, LLMs; one calibration."""

    def __init__(
        self, client: Any, mas: BaseMAS, data: QuickQA, seed: int, rollouts: int = 320
    ) -> None:
        seed_everything(seed, verbose=False)
        self.client, self.mas, self.data, self.seed = client, mas, data, seed
        self.rollouts = rollouts

    def anyone(self) -> Policy:
        """A policy, where any will do."""
        return FixedGraph(self.mas.catalogue.names[0])

    @cached_property
    def known(self) -> Calibration:
        module = self.module(self.anyone())
        made = Experiment(module, self.data, trainer())
        return calibrate_experiment(made, self.rollouts, self.seed)

    def module(self, policy: Policy, **kwargs: Any) -> Reinforce:
        return Reinforce(policy, self.mas, self.client, **kwargs)

    def taught(
        self,
        who: str,
        known: Calibration | None = None,
        texts: int = 0,
        steps: int | None = None,
        weights: Mapping[str, Tensor] | None = None,
        **kwargs: Any,
    ) -> Policy:
        """PlanNet or AgentBalance after its lessons; λ's by keyword are among those taught.

        PlanNet's net may start from other weights.
        """
        teacher = Teacher("", texts=texts, steps=steps)
        teacher.known = known or self.known
        torch.manual_seed(self.seed)
        policy = NETS[who]()
        if weights is not None:
            policy.net.load_state_dict(weights)
        module = self.module(policy, **kwargs)
        trainer([teacher]).fit(module, datamodule=self.data)
        module.policy.eval()
        return module.policy

    def questions(self, queries: Sequence[Query], known: Calibration | None = None) -> Any:
        trained = (known or self.known).questions
        return questions_of(self.mas, queries, None if trained is None else trained.by)

    @torch.no_grad()
    def designs(self, policy: Policy, queries: Sequence[Query]) -> list[Design]:
        """What a policy chooses for each question, in numbers of this setting's LLMs."""
        return self.designs_of(policy(self.mas.batch(queries), sample=False).plans())

    def designs_of(self, plans: Sequence[Plan]) -> list[Design]:
        """Plans in numbers of this setting's LLMs."""
        return [design_of(plan, self.mas.template, self.mas.catalogue.names) for plan in plans]


def budgeted(policy: Policy, usd: float) -> float:
    """Set a budget of USD per question; where no taught point keeps it, that of the least cost.
    Returns λ_tok."""
    try:
        return policy.set_budget(cost_usd=usd)[0]
    except ConfigError:
        policy.set_tradeoff(DEAREST, 0.0)
        return DEAREST
