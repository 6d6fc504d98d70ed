"""Callbacks that report a training run: figures for TensorBoard, a table before and after."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from abgnn.console import make_console
from abgnn.evaluation.rows import Row, summarise
from abgnn.models.decision import Decision
from abgnn.models.fixed import FixedGraph
from abgnn.models.policy import Policy
from abgnn.plots.frontier import draw_plan
from abgnn.training.evaluate import evaluate
from abgnn.training.module import RolloutModule, module_of, writer_of
from abgnn.training.rows_table import rows_table, write_rows

if TYPE_CHECKING:
    pass


class PolicyFigures(Callback):
    """Pools, backbones, kept agents and one sampled plan in TensorBoard, and hyperparameters.

    Args:
        every_n_steps: training steps between figures.
    """

    def __init__(self, every_n_steps: int = 5) -> None:
        self.every_n_steps = every_n_steps

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        module = module_of(pl_module)
        names = ("lambda_tok", "lambda_lat", "lambda_len", "samples", "lr", "entropy_weight")
        values: dict[str, Any] = {n: getattr(module, n) for n in names}
        values |= {n: getattr(module.policy, n, None) for n in ("upper_bound", "delta")}
        values |= {"min_agents": getattr(module.policy, "min_agents", None), "mas": str(module.mas)}
        values |= {"client": module.label, "advantage": type(module.advantage).__name__}
        for logger in trainer.loggers:
            logger.log_hyperparams(values)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        writer, module = writer_of(trainer), module_of(pl_module)
        if writer is None or trainer.global_step % self.every_n_steps:
            return
        decision, step, tag = module.decision, trainer.global_step, f"{module.label}/train"
        if isinstance(decision, Decision):
            pools = torch.bincount(decision.pool, minlength=module.mas.table.member.size(0))
            writer.add_histogram(f"{tag}/pool", decision.pool, step)
            for p, count in enumerate(pools.tolist()):
                writer.add_scalar(f"{tag}/pool_share/{p}", count / len(decision.pool), step)
        played = Counter(a.backbone for o in module.outcomes for a in o.plan.agents)
        for name in module.mas.catalogue.names:
            writer.add_scalar(f"{tag}/backbone_share/{name}", played[name] / played.total(), step)
        kept = [len(o.plan.agents) for o in module.outcomes]
        writer.add_histogram(f"{tag}/kept_agents", torch.tensor(kept), step)
        writer.add_figure(f"{tag}/sampled_plan", self._plan(module), step)

    @staticmethod
    def _plan(module: RolloutModule) -> Any:
        longest = max(module.outcomes, key=lambda o: len(o.plan.agents))
        return draw_plan(longest.plan, simulated=module.label == "simulated")


class HeldOutTable(Callback):
    """Accuracy, tokens, USD and seconds on held-out questions, before and after training.

    Every single LLM (in the template's lead role) stands beside the policy. The table is printed
    and written to `held_out.csv` in the run's folder. The extra calls are counted as spent.

    Args:
        split: the datamodule's split that is evaluated.
        singles: evaluate every single LLM too.
        samples: rollouts per question.
        show: print the table at the end.
    """

    def __init__(
        self, split: str = "test", singles: bool = True, samples: int = 1, show: bool = True
    ) -> None:
        self.split, self.singles, self.samples, self.show = split, singles, samples, show
        self.rows: list[Row] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        module = module_of(pl_module)
        self.rows = []
        if self.singles:
            lead = module.mas.template.roles[module.mas.template.lead].name
            for name in module.mas.catalogue.names:
                self._add(trainer, module, f"single {name}", FixedGraph(name, [lead]))
        self._add(trainer, module, "policy before training", module.policy)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        module = module_of(pl_module)
        self._add(trainer, module, "policy after training", module.policy)
        table = rows_table(
            self.rows,
            f"{len(trainer.datamodule.queries(self.split))} held-out questions",  # type: ignore[attr-defined]
            label=module.label,
            lambdas=(module.lambda_tok, module.lambda_lat),
        )
        if self.show:
            make_console().print(table)
        if trainer.loggers and trainer.log_dir:  # a run without a logger has no folder
            write_rows(self.rows, Path(trainer.log_dir) / "held_out.csv", label=module.label)

    def _add(self, trainer: Trainer, module: RolloutModule, name: str, policy: Policy) -> None:
        queries = trainer.datamodule.queries(self.split)  # type: ignore[attr-defined]
        outcomes = evaluate(policy, module.mas, module.executor, queries, samples=self.samples)
        module.spent_usd += sum(o.paid for o in outcomes)
        self.rows.append(summarise(name, outcomes))
