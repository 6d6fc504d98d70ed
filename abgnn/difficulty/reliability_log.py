"""Predicted against observed ease as a picture in TensorBoard."""

from __future__ import annotations

from collections.abc import Sequence

from lightning.pytorch.loggers import TensorBoardLogger
from numpy.typing import ArrayLike

from abgnn.plots.reliability import reliability_figure


def log_reliability(
    loggers: Sequence[object], ease: ArrayLike, share: ArrayLike, step: int
) -> None:
    """Add the picture to every TensorBoard logger."""
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.experiment.add_figure("val/reliability", reliability_figure(ease, share), step)
