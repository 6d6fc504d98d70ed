"""`abgnn calibrate`: a few hundred random rollouts, from which budgets are planned."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from abgnn.cli.arguments import Parser
from abgnn.cli.scheduling import add_jobs, scheduler_of

if TYPE_CHECKING:
    from rich.console import Console


def add_arguments(parser: Parser) -> None:
    """The experiment, and how much of it is tried."""
    parser.description = (
        "Random teams answer the training questions (a rollout: one team, one question). What "
        "every call showed goes into a file, from which `abgnn plan` plans for any budgets "
        "without further calls. With a recording (rollout.recording.path), a run that was stopped "
        "goes on where it was."
    )
    text = "an experiment config (LLMs, questions), for example simulated/math.yaml; repeatable"
    parser.add_argument("--config", action="append", required=True, metavar="NAME", help=text)
    text = "how many; most ask every role: 6 calls with six roles. 0: published scores alone"
    parser.add_argument("--rollouts", type=int, default=320, metavar="N", help=text)
    parser.add_argument("--seed", type=int, default=0, help="of the random teams")
    text = "random: teams of random LLMs; complete: every LLM alone answers rollouts / LLMs "
    text += "questions, for closed loops"
    designs = ("random", "complete")
    parser.add_argument("--design", choices=designs, default="random", help=text)
    text = "file to write; left out: the config's model.calibration"
    parser.add_argument("--out", metavar="FILE", help=text)
    text = "entry of the questions' meta, for example subject, that says a question's kind"
    parser.add_argument("--by", metavar="ENTRY", help=text)
    add_jobs(parser)


def run(args: Namespace, console: Console) -> int:
    """Calibrate and show what was learned of every backbone."""
    from abgnn.cli.progress import progress_on
    from abgnn.cli.views.beliefs import beliefs_table
    from abgnn.experiments.calibrate import calibrate_experiment
    from abgnn.experiments.experiment import build
    from abgnn.experiments.jobs.openers import experiment_blocks
    from abgnn.rollout.telemetry.switch import set_up

    experiment = build(args.config, ["--trainer.logger=false"])
    set_up(experiment.model.rollout_settings.telemetry)
    with scheduler_of(args) as scheduler, progress_on(console) as progress:
        calibration = calibrate_experiment(
            experiment,
            args.rollouts,
            args.seed,
            args.by,
            design=args.design,
            progress=progress,
            blocks=experiment_blocks(args.config, experiment, scheduler),
        )
    out = args.out or experiment.model.calibration or "runs/calibration.json"
    calibration.save(out)
    console.print(beliefs_table(calibration))
    console.print(
        f"{calibration.rollouts} rollouts, {len(calibration.observed)} calls, "
        f"${calibration.spent_usd:.4f} ({calibration.label}): {out}"
    )
    return 0
