"""Train a difficulty estimator on outcome tables: what `abgnn difficulty fit` runs."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from lightning.pytorch import Trainer, seed_everything
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger

from abgnn.data.mas import MPNET
from abgnn.difficulty.estimator import DifficultyEstimator
from abgnn.difficulty.questions import TABLE, EaseData
from abgnn.errors import ConfigError
from abgnn.graph.encoders import TextEncoder
from abgnn.outcomes.table import OutcomeTable


@dataclass(frozen=True, slots=True)
class FitSettings:
    """How an estimator is trained; defaults are those of Appendix F where it states them.

    Args:
        encoder: a sentence-transformers model, or `offline` (all-MiniLM-L6-v2 from a package).
        train_layers: transformer layers that learn, from the last; 0: frozen, and fast.
        channels: hidden width of the head.
        surface: whether the head sees surface counts.
        tasks: whether a question's task is an input.
        by_table: without tasks: whether the table is an input in training, and afterwards always
            the first table; else nothing but the question is.
        lr_encoder, lr_head, weight_decay: of AdamW.
        batch_size: questions per step.
        epochs: at most; the weights of the least validation loss are kept, and training stops
            when `patience` epochs have not lowered it.
        val_share: of questions held out for that.
        rebalance: draw code : math : general at 1:1:4.
        seed: of weights, split and draws.
    """

    encoder: str = MPNET
    train_layers: int = 4
    channels: int = 64
    surface: bool = True
    tasks: bool = True
    by_table: bool = True
    lr_encoder: float = 1e-5
    lr_head: float = 5e-4
    weight_decay: float = 1e-3
    batch_size: int = 32
    epochs: int = 60
    patience: int = 4
    val_share: float = 0.1
    rebalance: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("channels", "batch_size", "epochs", "patience"):
            if getattr(self, name) < 1:
                raise ConfigError(f"difficulty.{name}", getattr(self, name), "1 or more")


def fit_estimator(
    tables: Sequence[OutcomeTable],
    settings: FitSettings,
    log: Path | None = None,
    *,
    progress: bool = False,
) -> DifficultyEstimator:
    """The estimator of the epoch with the least validation loss.

    Args:
        tables: outcomes to learn from.
        settings: see there.
        log: folder of TensorBoard figures; None: none.
        progress: whether a bar is shown.
    """
    seed_everything(settings.seed, verbose=False)
    encode = TextEncoder(settings.encoder)
    data = EaseData(
        tables,
        encode if settings.train_layers == 0 else None,
        settings.tasks,
        settings.val_share,
        settings.batch_size,
        settings.rebalance,
        settings.seed,
        settings.by_table,
    )
    width = encode(data.texts[:1]).size(-1)
    estimator = DifficultyEstimator(
        settings.encoder,
        width,
        settings.train_layers,
        settings.channels,
        settings.surface,
        settings.lr_encoder,
        settings.lr_head,
        settings.weight_decay,
    )
    with TemporaryDirectory() as folder:
        best = ModelCheckpoint(folder, monitor="val/loss", save_weights_only=True)
        trainer = Trainer(
            accelerator="auto",
            devices=1,
            max_epochs=settings.epochs,
            num_sanity_val_steps=0,
            log_every_n_steps=1,
            logger=TensorBoardLogger(log.parent, log.name, "") if log else False,
            callbacks=[best, EarlyStopping("val/loss", patience=settings.patience)],
            enable_progress_bar=progress,
            enable_model_summary=False,
        )
        trainer.fit(estimator, datamodule=data)
        state = torch.load(best.best_model_path, weights_only=True)["state_dict"]
    estimator.load_state_dict(state)
    if not settings.tasks and settings.by_table:
        estimator.settle(TABLE.format(0))
    return estimator.cpu().eval()


def quiet() -> None:
    """Silence what Lightning says about itself and about a machine without accelerators."""
    for name in ("lightning.pytorch.utilities.rank_zero", "lightning.pytorch.accelerators.cuda"):
        logging.getLogger(name).setLevel(logging.WARNING)
