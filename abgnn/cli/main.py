"""The command `abgnn`: fit, validate, test, predict by LightningCLI; the rest by us."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from abgnn.console import make_console
from abgnn.errors import ConfigError, EndpointError

HELP = """\
abgnn: graph neural networks that design LLM multi-agent systems under budgets

  abgnn fit      --config NAME   train a policy by REINFORCE (simulated or live LLMs)
  abgnn validate --config NAME   evaluate on the validation questions
  abgnn test     --config NAME --ckpt_path FILE   evaluate on the test questions
  abgnn predict  --config NAME --ckpt_path FILE   plans only, nothing is spent
  abgnn pools    [--catalogue FILE] [--domain D]  resource tiers as a table and a picture
  abgnn frontier --config NAME   train a set of operating points, draw performance against budget
  abgnn compare --config NAME    train and compare methods under the same budgets (resumable)
  abgnn inductive --config NAME  the same weights with LLMs removed and added, no retraining
  abgnn cases    --config NAME   plans for three questions on two budgets, one picture
  abgnn calibrate --config NAME  a few hundred random rollouts, from which budgets are planned
  abgnn plan     FILE --cost USD --latency S   the best mixture of teams within budgets
  abgnn certify  --config NAME [--plan FILE] --cost USD --latency S   are budgets met, how sure?
  abgnn report RUNS…             one HTML page of what runs have left behind
  abgnn difficulty fit|eval      train, or judge, an estimator of how hard questions are
  abgnn run "QUESTION" --checkpoint FILE (or --config NAME)   plan, execute, show the trace
  abgnn serve    --checkpoint FILE   an OpenAI-compatible endpoint; --plan, --calibration, --config
  abgnn outcomes FILE            recorded outcomes: single LLMs, committee, cascade; a catalogue
  abgnn recordings FILE          what was recorded and paid; --export jsonl

NAME is a file or a packaged config, for example simulated/general.yaml or live/smollm2.yaml.
`abgnn COMMAND --help` tells more; `abgnn fit --help` lists every key of a config.
"""

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

LIGHTNING = ("fit", "validate", "test", "predict")
OURS = {  # command → module and function; read when called for
    "pools": ("abgnn.cli.pools", "command"),
    "frontier": ("abgnn.cli.frontier", "command"),
    "compare": ("abgnn.cli.compare", "command"),
    "inductive": ("abgnn.cli.inductive", "inductive_command"),
    "cases": ("abgnn.cli.cases", "cases_command"),
    "calibrate": ("abgnn.cli.calibrate", "calibrate_command"),
    "plan": ("abgnn.cli.plan", "plan_command"),
    "certify": ("abgnn.cli.certify", "certify_command"),
    "report": ("abgnn.cli.report", "report_command"),
    "run": ("abgnn.cli.run", "command"),
    "serve": ("abgnn.cli.serve", "serve_command"),
    "outcomes": ("abgnn.cli.outcomes", "outcomes_command"),
    "recordings": ("abgnn.cli.recordings", "recordings_command"),
    "difficulty": ("abgnn.cli.difficulty", "difficulty_command"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    args = list(sys.argv[1:] if argv is None else argv)
    sys.path.insert(0, os.getcwd())  # a user's class_path: my_layers.MyGate
    # the policy is small: more threads only wait for each other, most of all beside a local LLM
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    console = make_console()
    command = args[0] if args else "--help"
    if command in ("-h", "--help", "help"):
        console.print(HELP, markup=False, highlight=False)
        return 0
    if command == "--version":
        from importlib.metadata import version

        console.print(version("abgnn"))
        return 0
    try:
        return _dispatch(command, args[1:], console)
    except (ConfigError, EndpointError) as error:
        Console(stderr=True).print(f"abgnn: {error}", style="red", markup=False, soft_wrap=True)
        return 2


def _dispatch(command: str, args: list[str], console: Console) -> int:
    if command in LIGHTNING:
        return _lightning(command, args, console)
    if command not in OURS:
        raise ConfigError("command", command, f"one of {[*LIGHTNING, *OURS]}; see abgnn --help")
    module, name = OURS[command]
    carry_out: Callable[[list[str], Console], int] = getattr(import_module(module), name)
    return carry_out(args, console)


def _lightning(command: str, args: list[str], console: Console) -> int:
    from abgnn.experiments.experiment import ExperimentCLI, quiet, resolve_configs

    quiet()
    # set instead of passed: LightningCLI warns about arguments given in Python
    sys.argv = ["abgnn", command, *resolve_configs(args)]
    trainer = ExperimentCLI().trainer
    path = getattr(trainer.checkpoint_callback, "best_model_path", "")
    if command == "fit" and path:
        console.print(f"checkpoint: {path}\nfigures: tensorboard --logdir {trainer.log_dir}")
    if command == "predict":
        _write_plans(trainer, console)
    return 0


def _write_plans(trainer: Trainer, console: Console) -> None:
    """Predicted plans, one JSON object a line, beside the run's other files."""
    plans = [plan for batch in trainer.predict_loop.predictions for plan in batch]
    path = Path(trainer.log_dir or ".") / "plans.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(p) + "\n" for p in plans), encoding="utf-8")
    console.print(f"{len(plans)} plans, nothing spent: {path}")
