"""`abgnn predict`: plans of the test questions, as JSON lines; nothing is executed or spent."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from abgnn.cli.arguments import Parser
from abgnn.cli.lightning import add_lightning_arguments, run_lightning

if TYPE_CHECKING:
    from rich.console import Console


def add_arguments(parser: Parser) -> None:
    """Lightning's."""
    parser.description = (
        "Write a policy's most probable plan for every test question as a line of JSON "
        "(plans.jsonl in the run's folder). No LLM is called."
    )
    add_lightning_arguments(parser, "the policy; without it the config's untrained one")


def run(args: Namespace, console: Console) -> int:
    """Predict, and write the plans beside the run's other files."""
    trainer = run_lightning("predict", args)
    plans = [plan for batch in trainer.predict_loop.predictions for plan in batch]
    from abgnn.training.run_log import run_folder

    path = (run_folder(trainer) or Path(trainer.default_root_dir)) / "plans.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(p) + "\n" for p in plans), encoding="utf-8")
    console.print(f"{len(plans)} plans, nothing spent: {path}")
    return 0
