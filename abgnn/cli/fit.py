"""`abgnn fit`: train a policy."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from abgnn.cli.arguments import Parser
from abgnn.cli.lightning import add_lightning_arguments, run_lightning

if TYPE_CHECKING:
    from rich.console import Console


def add_arguments(parser: Parser) -> None:
    """Lightning's."""
    parser.description = (
        "Train a policy by REINFORCE against simulated, recorded or live LLMs. Figures and the "
        "checkpoint go into the folder of the config's logger, under runs/."
    )
    add_lightning_arguments(parser, "a checkpoint to go on from")


def run(args: Namespace, console: Console) -> int:
    """Train; say where the checkpoint and the figures are."""
    trainer = run_lightning("fit", args)
    for callback in getattr(trainer, "callbacks", ()):
        if verdict := getattr(callback, "verdict", ""):  # of a teacher that weighed what it taught
            console.print(verdict)
    path = getattr(trainer.checkpoint_callback, "best_model_path", "")
    if path:
        console.print(f"checkpoint: {path}")
        for logger in trainer.loggers:
            console.print(_figures(logger))
    return 0


def _figures(logger: Any) -> str:
    """Where a logger has put the figures, and what shows them."""
    name = type(logger).__name__
    if name == "TensorBoardLogger":
        return f"figures: tensorboard --logdir {logger.log_dir}"
    return f"figures: {name}, run {logger.version} of {logger.name}"
