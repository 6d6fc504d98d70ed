"""`CallFigures`: calls in the run's loggers: tokens, money by phase, waits, failures."""

from __future__ import annotations

from typing import Any

import numpy as np
from lightning.pytorch import Callback, LightningModule, Trainer

from abgnn.plots.loggers import log_text
from abgnn.rollout.ledger.attempts import AttemptCounts
from abgnn.rollout.ledger.money import dollars
from abgnn.rollout.trace_tree import trace_text
from abgnn.training.module import RolloutModule, module_of
from abgnn.training.run_log import log_scalars


class CallFigures(Callback):
    """Attempts, retries, tokens by kind, seconds by backbone, queueing, errors, money by phase.

    Args:
        every_n_steps: training steps between two traces (one rollout's calls, as text).
    """

    def __init__(self, every_n_steps: int = 10) -> None:
        self.every_n_steps = every_n_steps

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._draw(trainer, module_of(pl_module), "train", trainer.global_step)
        module = module_of(pl_module)
        if trainer.loggers and trainer.global_step % self.every_n_steps == 0:
            longest = max(module.outcomes, key=lambda o: len(o.calls))
            text = trace_text(longest, module.label)
            tag = f"{module.label}/train/trace"
            shown = f"```\n{text.replace('```', '` ` `')}\n```"
            log_text(trainer.loggers, tag, shown, trainer.global_step)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._draw(trainer, module_of(pl_module), "val", trainer.global_step)

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._draw(trainer, module_of(pl_module), "test", trainer.global_step)

    @staticmethod
    def _draw(trainer: Trainer, module: RolloutModule, stage: str, step: int) -> None:
        counts = module.executor.attempts.take()
        if not trainer.loggers:
            return
        tag = f"{module.label}/{stage}/calls"
        values = {f"{tag}/{name}": value for name, value in figures(counts).items()}
        run = module.rollout_settings.recording.run
        for account in module.executor.ledger.accounts():
            if account.run == run:
                values[f"{module.label}/spent_usd/{account.phase}"] = dollars(account.committed)
        log_scalars(trainer, values, step)


def figures(counts: AttemptCounts) -> dict[str, float]:
    """Names and values of the figures."""
    usage = counts.usage
    values: dict[str, float] = {
        "attempts": counts.attempts,
        "replayed": counts.replayed,
        "retried": counts.retried,
        "tokens/prompt": usage.prompt_tokens,
        "tokens/cached": usage.cached_tokens,
        "tokens/completion": usage.completion_tokens,
        "tokens/reasoning": usage.reasoning_tokens,
    }
    values |= {f"errors/{kind}": n for kind, n in counts.errors.items()}
    if counts.queue_time:
        values["queue_s/mean"] = float(np.mean(counts.queue_time))
        values["queue_s/p95"] = float(np.quantile(counts.queue_time, 0.95))
    for name, seconds in counts.service_time.items():
        values[f"service_s/median/{name}"] = float(np.median(seconds))
        values[f"service_s/p95/{name}"] = float(np.quantile(seconds, 0.95))
    return values
