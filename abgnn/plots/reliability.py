"""Predicted against observed ease, or P(right), as a picture."""

from __future__ import annotations

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
