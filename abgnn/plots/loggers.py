"""Figures and texts for whatever loggers a run has: TensorBoard, W&B, MLflow; others have no place
for them and are passed over. Knows loggers by what they can do; imports none of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from matplotlib.figure import Figure


def log_figure(loggers: Iterable[Any], tag: str, figure: Figure, step: int) -> None:
    """A picture of step `step`; in MLflow an artifact `tag/000012.png`."""
    for logger in loggers:
        experiment: Any = getattr(logger, "experiment", None)
        if hasattr(logger, "log_image"):  # W&B
            logger.log_image(tag, [figure], step)
        elif hasattr(experiment, "add_figure"):  # TensorBoard
            experiment.add_figure(tag, figure, step)
        elif _is_mlflow(logger, experiment):
            experiment.log_figure(logger.run_id, figure, f"{tag}/{step:06d}.png")


def log_text(loggers: Iterable[Any], tag: str, text: str, step: int) -> None:
    """A text in Markdown; in MLflow an artifact `tag/000012.md`."""
    for logger in loggers:
        experiment: Any = getattr(logger, "experiment", None)
        if hasattr(logger, "log_text"):
            logger.log_text(tag, columns=["text"], data=[[text]], step=step)
        elif hasattr(experiment, "add_text"):
            experiment.add_text(tag, text, step)
        elif _is_mlflow(logger, experiment):
            experiment.log_text(logger.run_id, text, f"{tag}/{step:06d}.md")


def _is_mlflow(logger: Any, experiment: Any) -> bool:
    return hasattr(logger, "run_id") and hasattr(experiment, "log_figure")
