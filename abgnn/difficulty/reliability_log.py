"""Predicted against observed ease as a picture in the run's loggers."""

from __future__ import annotations

from collections.abc import Sequence

from numpy.typing import ArrayLike

from abgnn.plots.loggers import log_figure
from abgnn.plots.reliability import reliability_figure


def log_reliability(
    loggers: Sequence[object], ease: ArrayLike, share: ArrayLike, step: int
) -> None:
    """Add the picture to every logger that takes pictures."""
    if loggers:
        log_figure(loggers, "val/reliability", reliability_figure(ease, share), step)
