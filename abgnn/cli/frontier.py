"""`abgnn frontier`: operating points, each trained, and performance against budget."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from abgnn.cli.arguments import Parser
from abgnn.cli.scheduling import add_jobs, scheduler_of

if TYPE_CHECKING:
    from rich.console import Console


def add_arguments(parser: Parser) -> None:
    """A frontier config, and other files for its questions."""
    parser.description = (
        "Train a policy for each of several operating points (weights of dollars and seconds in "
        "the reward), and evaluate them beside single LLMs, fixed graphs and, with --loop, closed "
        "loops planned for a grid of budgets. Writes points.csv, tables and a picture of "
        "performance against budget."
    )
    text = "a frontier config, for example frontier/simulated-general.yaml, recorded/llmrouter.yaml"
    parser.add_argument("--config", required=True, metavar="NAME", help=text)
    add_files(parser)
    text = "closed loops, too; every LLM is asked every training question for them"
    parser.add_argument("--loop", action="store_true", help=text)
    text = "plan the closed loops from this file of `abgnn calibrate --design complete`"
    parser.add_argument("--calibration", metavar="FILE", help=text)
    add_jobs(parser)


def add_files(parser: Parser) -> None:
    """Files in place of those that a config names."""
    text = "file of the questions or recorded outcomes, in place of the config's"
    parser.add_argument("--path", metavar="FILE", help=text)
    text = "file of the recorded LLMs' prices, in place of the config's"
    parser.add_argument("--profiles", metavar="FILE", help=text)


def run(args: Namespace, console: Console) -> int:
    """Train and evaluate operating points; 1 if a job has failed."""
    from dataclasses import replace

    from abgnn.cli.progress import progress_on
    from abgnn.experiments.sweep import Sweep, run_sweep
    from abgnn.experiments.sweep_jobs import run_sweep_jobs

    files = {"path": args.path, "profiles": args.profiles}
    sweep = Sweep.from_yaml(args.config).with_overrides(
        [f"--data.init_args.{key}={file}" for key, file in files.items() if file]
    )
    if args.loop or args.calibration:
        sweep = replace(sweep, loops=True, calibration=args.calibration or sweep.calibration)
    with scheduler_of(args) as scheduler, progress_on(console) as progress:
        if scheduler is None:
            run_sweep(sweep, console, progress)
            return 0
        _, failed = run_sweep_jobs(sweep, scheduler, console, progress)
    return int(bool(failed))
