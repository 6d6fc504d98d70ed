"""`PlannerFigures`: profiles, the planner's beliefs and the run's result, in its loggers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from abgnn.evaluation.ease_metrics import expected_calibration_error
from abgnn.planning.belief_table import BeliefTable
from abgnn.planning.calibration import Calibration
from abgnn.planning.validation import foretold
from abgnn.plots.beliefs import beliefs_figure
from abgnn.plots.loggers import log_figure
from abgnn.plots.reliability import reliability_figure
from abgnn.training.callbacks import HeldOutTable
from abgnn.training.module import RolloutModule, module_of
from abgnn.training.run_log import log_scalars, writer_of

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


MEASURES = {"performance": "accuracy", "cost_usd": "usd", "latency_s": "seconds"}


class PlannerFigures(Callback):
    """Profiles and roles in TensorBoard's projector; the run's result, beside its settings there
    (HPARAMS), a metric in other loggers.

    With a calibration also its outcome model's beliefs about every backbone, and its reliability:
    predicted P(right) of the observed calls, each by a model that has not seen its question,
    against the observed share, with the expected calibration error (ECE). All names begin with
    the run's label (`simulated`, …), those of the calibration with its own.

    The result is `HeldOutTable`'s last row if that callback is there, else the last validation;
    no further calls are made.

    Args:
        calibration: a file of `abgnn calibrate`; None: the run's own, if any.

    Raises:
        ConfigError: it cannot be read; raised before training.
    """

    def __init__(self, calibration: str | None = None) -> None:
        self.calibration = None if calibration is None else Calibration.load(calibration)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.loggers or not trainer.is_global_zero:
            return
        writer, module = writer_of(trainer), module_of(pl_module)
        if writer is not None:
            self._embeddings(writer, module)
        calibration = self.calibration or _teachers_calibration(module)
        if calibration is not None:
            draw_calibration(trainer, calibration)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Runs after `HeldOutTable`, whose last rows are made when training ends."""
        label = module_of(pl_module).label
        metrics = {f"{label}/held_out/{n}": v for n, v in held_out(trainer, label).items()}
        for logger in trainer.loggers if metrics else ():
            if isinstance(logger, TensorBoardLogger):
                logger.log_hyperparams(dict(logger.hparams), metrics, step=trainer.global_step)
            else:
                logger.log_metrics(metrics, trainer.global_step)

    @staticmethod
    def _embeddings(writer: SummaryWriter, module: RolloutModule) -> None:
        mas, tag = module.mas, module.label
        names, roles = list(mas.table.names), [role.name for role in mas.template.roles]
        profiles = mas.table.embed.flatten(1)  # [M, 3H]
        writer.add_embedding(profiles, metadata=names, tag=f"{tag}/backbones")
        writer.add_embedding(mas.role_embed, metadata=roles, tag=f"{tag}/roles")


def _teachers_calibration(module: RolloutModule) -> Calibration | None:
    path = module.calibration
    return Calibration.load(path) if path is not None and Path(path).exists() else None


def draw_calibration(trainer: Trainer, calibration: Calibration) -> None:
    """BeliefTable; reliability and ECE if two questions or more were asked."""
    tag, observed = f"{calibration.label}/planner", calibration.observed
    loggers, step = trainer.loggers, trainer.global_step
    log_figure(loggers, f"{tag}/beliefs", beliefs_figure(BeliefTable.of(calibration)), step)
    if len(np.unique(observed.query)) < 2:
        return
    predicted = foretold(calibration)
    figure = reliability_figure(
        predicted, observed.right, predicted="predicted P(right)", observed="share of calls right"
    )
    log_figure(loggers, f"{tag}/reliability", figure, step)
    error = expected_calibration_error(predicted, observed.right)
    log_scalars(trainer, {f"{tag}/ece": error}, step)


def held_out(trainer: Trainer, label: str) -> dict[str, float]:
    """Accuracy, USD and seconds per query; empty if nothing was evaluated."""
    tables: list[Any] = [c for c in trainer.callbacks if isinstance(c, HeldOutTable)]  # type: ignore[attr-defined]
    rows = [row for table in tables for row in table.rows[-1:]]
    if rows:
        return {shown: float(getattr(rows[-1], name)) for name, shown in MEASURES.items()}
    seen = trainer.callback_metrics
    named = {shown: seen.get(f"{label}/val/{name}") for name, shown in MEASURES.items()}
    return {shown: float(value) for shown, value in named.items() if value is not None}
