"""A Trainer that prints and keeps nothing, for what callbacks do before the first epoch."""

from __future__ import annotations

from collections.abc import Sequence

from lightning.pytorch import Callback, Trainer


def trainer(callbacks: Sequence[Callback] = ()) -> Trainer:
    """Silent, of no epochs."""
    return Trainer(
        accelerator="cpu", logger=False, enable_checkpointing=False, max_epochs=0,
        enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
        callbacks=list(callbacks),
    )  # fmt: skip
