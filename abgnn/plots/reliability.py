"""Predicted against observed ease as a picture in TensorBoard."""

from __future__ import annotations

from collections.abc import Sequence

from lightning.pytorch.loggers import TensorBoardLogger
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from abgnn.evaluation.ease_metrics import reliability


def reliability_figure(
    ease: ArrayLike,
    share: ArrayLike,
    *,
    predicted: str = "predicted ease",
    observed: str = "share of LLMs that solve",
) -> Figure:
    """Mean observed against mean predicted ease per bin; the area of a dot is its questions.

    Args:
        ease, share: as for `abgnn.evaluation.ease_metrics.reliability`.
        predicted, observed: what stands at the axes.
    """
    table = reliability(ease, share)
    figure = Figure(figsize=(4, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    axes.scatter(table[:, 0], table[:, 1], s=20 + 300 * table[:, 2] / table[:, 2].sum())
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel=predicted, ylabel=observed)
    return figure


def log_reliability(
    loggers: Sequence[object], ease: ArrayLike, share: ArrayLike, step: int
) -> None:
    """Add the picture to every TensorBoard logger."""
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.experiment.add_figure("val/reliability", reliability_figure(ease, share), step)
