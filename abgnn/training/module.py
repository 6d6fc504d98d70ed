"""`RolloutModule`: what callbacks may know of the module that is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger

from abgnn.training.reinforce import Reinforce

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


def module_of(module: LightningModule) -> Reinforce:
    assert isinstance(module, Reinforce), "these callbacks belong to Reinforce"
    return module


def writer_of(trainer: Trainer) -> SummaryWriter | None:
    loggers = [x for x in trainer.loggers if isinstance(x, TensorBoardLogger)]
    return loggers[0].experiment if loggers else None
