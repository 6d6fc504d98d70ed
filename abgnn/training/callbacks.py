"""Callbacks that report a training run: figures for its loggers, a table before and after."""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from abgnn.console import make_console
from abgnn.evaluation.rows import Row, summarise
from abgnn.models.decision import Decision
from abgnn.models.fixed import FixedGraph
from abgnn.models.policy import Policy
from abgnn.plots.frontier import draw_plan
from abgnn.plots.loggers import log_figure
from abgnn.training.evaluate import evaluate
from abgnn.training.module import RolloutModule, module_of
from abgnn.training.rows_table import rows_table, write_rows
from abgnn.training.run_log import log_scalars, run_folder, writer_of


class PolicyFigures(Callback):
    """Shares of pools and backbones, kept agents, one sampled plan, and hyperparameters.

    Any logger gets the numbers; the plan as a picture TensorBoard, W&B and MLflow; histograms
    TensorBoard.

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
        if not trainer.loggers or trainer.global_step % self.every_n_steps:
            return
        module, step, writer = module_of(pl_module), trainer.global_step, writer_of(trainer)
        decision, tag = module.decision, f"{module.label}/train"
        shares: dict[str, float] = {}
        kept = torch.tensor([len(o.plan.agents) for o in module.outcomes])
        if isinstance(decision, Decision):
            pools = torch.bincount(decision.pool, minlength=module.mas.table.member.size(0))
            for p, count in enumerate(pools.tolist()):
                shares[f"{tag}/pool_share/{p}"] = count / len(decision.pool)
        played = Counter(a.backbone for o in module.outcomes for a in o.plan.agents)
        for name in module.mas.catalogue.names:
            shares[f"{tag}/backbone_share/{name}"] = played[name] / played.total()
        log_scalars(trainer, shares, step)
        if writer is not None:
            writer.add_histogram(f"{tag}/kept_agents", kept, step)
            if isinstance(decision, Decision):
                writer.add_histogram(f"{tag}/pool", decision.pool, step)
        log_figure(trainer.loggers, f"{tag}/sampled_plan", self._plan(module), step)

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
        folder = run_folder(trainer)
        if folder is not None:
            write_rows(self.rows, folder / "held_out.csv", label=module.label)

    def _add(self, trainer: Trainer, module: RolloutModule, name: str, policy: Policy) -> None:
        queries = trainer.datamodule.queries(self.split)  # type: ignore[attr-defined]
        outcomes = evaluate(policy, module.mas, module.executor, queries, samples=self.samples)
        module.spent_usd += sum(o.paid for o in outcomes)
        self.rows.append(summarise(name, outcomes))
