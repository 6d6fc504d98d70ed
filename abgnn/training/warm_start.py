"""`WarmStart`: every LLM alone on the training questions, before the first REINFORCE step."""

from __future__ import annotations

import logging

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from abgnn.errors import ConfigError
from abgnn.models.fixed import FixedGraph
from abgnn.models.router import Router
from abgnn.training.evaluate import evaluate
from abgnn.training.module import module_of

_log = logging.getLogger(__name__)


class WarmStart(Callback):
    """A `Router` starts from beliefs that are fitted to the outcomes of single LLMs.

    The rollouts are of the training phase: counted, recorded and paid like all others, once
    per policy (a resumed run has them in its weights).

    Args:
        scores: believe the scores; else what calls cost alone, all scores equal.

    Raises:
        ConfigError: the policy is no `Router`, or the catalogue lacks some of its backbones.
    """

    def __init__(self, scores: bool = True) -> None:
        self.scores = scores

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        module = module_of(pl_module)
        policy, mas = module.policy, module.mas
        if not isinstance(policy, Router):
            raise ConfigError("policy", type(policy).__name__, "Router, for the callback WarmStart")
        if policy.warm:
            return
        if set(mas.catalogue.names) != set(policy.backbones):
            names = list(policy.backbones)
            raise ConfigError("mas.catalogue", list(mas.catalogue.names), f"exactly {names}")
        queries = trainer.datamodule.queries("train")  # type: ignore[attr-defined]
        lead = mas.template.roles[mas.template.lead].name
        columns = []
        for name in policy.backbones:
            alone = FixedGraph(name, [lead])
            outcomes = evaluate(alone, mas, module.executor, queries, phase="train")
            module.spent_usd += sum(o.paid for o in outcomes)
            module.rollouts += len(outcomes)
            columns.append([(o.score, o.cost, o.latency) for o in outcomes])
        seen = torch.tensor(columns, dtype=torch.float64).permute(2, 1, 0)  # [3, n, M]
        batch = mas.batch(queries).to(pl_module.device)
        error = policy.warm_start(batch, seen[0] if self.scores else None, seen[1], seen[2])
        _log.info(
            "warm start from %d rollouts; error on left-out questions: %.3f of that of means",
            seen[0].numel(),
            error,
        )
