"""What callbacks write beside Lightning's own metrics, to all loggers of a run; and its folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightning.pytorch import Trainer
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


def log_scalars(trainer: Trainer, values: Mapping[str, float], step: int) -> None:
    """Numbers, to every logger."""
    for logger in trainer.loggers if values else ():
        logger.log_metrics(dict(values), step)


def writer_of(trainer: Trainer) -> SummaryWriter | None:
    """TensorBoard's writer, for what only it shows (histograms, the projector); None: no such."""
    loggers = [x for x in trainer.loggers if isinstance(x, TensorBoardLogger)]
    return loggers[0].experiment if loggers else None


def run_folder(trainer: Trainer) -> Path | None:
    """Where a run's own files go (traces, tables, its config): the first logger's folder of this
    run, beside the checkpoints; None: no logger, or one without folders."""
    first: Any = next(iter(trainer.loggers), None)
    folder = None if first is None else _folder_of(first)
    made: Path | None = trainer.strategy.broadcast(folder)
    return made


def _folder_of(logger: Logger) -> Path | None:
    if isinstance(logger, (TensorBoardLogger, CSVLogger)):
        return Path(logger.log_dir)
    if logger.save_dir is None:
        return None
    version = logger.version
    named = version if isinstance(version, str) else f"version_{version}"
    return Path(logger.save_dir, str(logger.name), named)
