"""The command `abgnn`: fit, validate, test, predict by LightningCLI; the rest by us."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
  abgnn outcomes FILE            recorded outcomes: single LLMs, committee, cascade; a catalogue
  abgnn recordings FILE          what was recorded and paid; --export jsonl

NAME is a file or a packaged config, for example simulated/general.yaml or live/smollm2.yaml.
`abgnn COMMAND --help` tells more; `abgnn fit --help` lists every key of a config.
"""

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

LIGHTNING = ("fit", "validate", "test", "predict")


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
        from abgnn import __version__

        console.print(__version__)
        return 0
    try:
        return _dispatch(command, args[1:], console)
    except (ConfigError, EndpointError) as error:
        Console(stderr=True).print(f"abgnn: {error}", style="red", markup=False, soft_wrap=True)
        return 2


def _dispatch(command: str, args: list[str], console: Console) -> int:
    if command in LIGHTNING:
        return _lightning(command, args, console)
    ours: dict[str, Callable[[list[str], Console], int]] = {
        "pools": _pools,
        "frontier": _frontier,
        "compare": _compare,
        "inductive": _inductive,
        "cases": _cases,
        "calibrate": _calibrate,
        "plan": _plan,
        "certify": _certify,
        "report": _report,
        "run": _run,
        "outcomes": _outcomes,
        "recordings": _recordings,
        "difficulty": _difficulty,
    }
    if command not in ours:
        raise ConfigError("command", command, f"one of {[*LIGHTNING, *ours]}; see abgnn --help")
    return ours[command](args, console)


def _lightning(command: str, args: list[str], console: Console) -> int:
    from abgnn.experiment import ExperimentCLI, quiet, resolve_configs

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


def _parse(name: str, description: str, options: dict[str, Any], args: list[str]) -> Any:
    """A small parser: option name → (type, default, help); a list may be given repeatedly."""
    from argparse import ArgumentParser

    parser = ArgumentParser(prog=f"abgnn {name}", description=description)
    for option, (kind, default, text) in options.items():
        how: dict[str, Any] = {"action": "append"} if kind is list else {"type": kind}
        parser.add_argument(option, default=default, help=text, **how)
    return parser.parse_args(args)


def _parse_file(
    name: str, description: str, options: dict[str, Any], flags: dict[str, str], args: list[str]
) -> Any:
    """As `_parse`, with flags and one optional file before them."""
    from argparse import ArgumentParser

    parser = ArgumentParser(prog=f"abgnn {name}", description=description)
    parser.add_argument("calibration", nargs="?", help="a file that `abgnn calibrate` wrote")
    for option, (kind, default, text) in options.items():
        parser.add_argument(option, type=kind, default=default, help=text)
    for flag, text in flags.items():
        parser.add_argument(flag, action="store_true", help=text)
    return parser.parse_args(args)


def _pools(args: list[str], console: Console) -> int:
    from abgnn.pool_report import pools_command

    given = _parse(
        "pools",
        "Calibration triples, Pareto front and resource tiers of a catalogue.",
        {
            "--catalogue": (str, "catalogues/paper.yaml", "YAML of backbones"),
            "--domain": (str, "general", "general, math or code"),
            "--n-pools": (int, 4, "tiers to build"),
            "--out": (str, "runs/pools", "folder of the picture"),
            "--config": (str, None, "an experiment: its catalogue, domain, client and questions"),
            "--calls": (int, 0, "with --config: calls per backbone instead of estimates"),
        },
        args,
    )
    if given.config is None:
        if given.calls:
            raise ConfigError("--calls", given.calls, "0, or an experiment by --config")
        pools_command(given.catalogue, given.domain, given.n_pools, given.out, console=console)
        return 0
    return _measured_pools(given, console)


def _measured_pools(given: Any, console: Console) -> int:
    """Pools of an experiment's catalogue from a few calls of its client."""
    from abgnn.calibrate import calibrate
    from abgnn.experiment import build
    from abgnn.measured import write_measured
    from abgnn.pool_report import pools_command

    experiment = build([given.config], ["--trainer.logger=false"])
    mas, label = experiment.model.mas, f"{given.calls} {experiment.model.label} calls each"
    measured = calibrate(experiment, given.calls)
    path = Path(given.out) / f"measured-{experiment.model.label}.yaml"
    write_measured(measured, path, label)
    pools_command(
        mas.catalogue_file,
        mas.domain,
        given.n_pools,
        given.out,
        console=console,
        measured=measured,
        label=label,
    )
    console.print(f"Measured: {path}   use it by --model.mas.measured {path}")
    return 0


def _frontier(args: list[str], console: Console) -> int:
    from abgnn.evaluation.sweep import Sweep, run_sweep

    given = _parse(
        "frontier",
        "Train and evaluate a set of operating points; writes points.csv, tables and a picture.",
        {
            "--config": (str, None, "a frontier config, for example recorded/llmrouter.yaml"),
            "--path": (str, None, "file of the questions or recorded outcomes, instead of its own"),
            "--profiles": (str, None, "file of the recorded LLMs' prices, instead of its own"),
        },
        args,
    )
    if given.config is None:
        raise ConfigError("--config", None, "a frontier config, see configs/frontier")
    files = {"path": given.path, "profiles": given.profiles}
    run_sweep(
        Sweep.from_yaml(given.config).with_overrides(
            [f"--data.init_args.{key}={file}" for key, file in files.items() if file]
        ),
        console,
    )
    return 0


def _compare(args: list[str], console: Console) -> int:
    from abgnn.evaluation.compare import compare_command

    given = _parse(
        "compare",
        "Train and evaluate several methods on the same questions, worlds and number of LLM calls; "
        "writes jobs/, points.csv, table.csv, table.tex and a picture. Started again, it does "
        "what is missing.",
        {
            "--config": (str, None, "a compare config, for example compare/simulated-general.yaml"),
            "--out": (str, None, "folder of the results, instead of the config's"),
            "--seeds": (int, None, "how many of the config's seeds, from the first on (all)"),
            "--jobs": (int, None, "processes (as many as there are cores)"),
            "--path": (str, None, "file of the questions or recorded outcomes, instead of its own"),
            "--profiles": (str, None, "file of the recorded LLMs' prices, instead of its own"),
        },
        args,
    )
    files = {"path": given.path, "profiles": given.profiles}
    return compare_command(given.config, given.out, given.seeds, given.jobs, files, console)


def _inductive(args: list[str], console: Console) -> int:
    from abgnn.evaluation.inductive import inductive_command

    return inductive_command(args, console)


def _cases(args: list[str], console: Console) -> int:
    from abgnn.evaluation.cases import cases_command

    return cases_command(args, console)


def _calibrate(args: list[str], console: Console) -> int:
    from abgnn.plan_command import calibrate_command

    given = _parse(
        "calibrate",
        "Random committees on the training questions; what every call showed goes into a file from "
        "which any number of budgets is planned. With a recording, a stopped run goes on.",
        {
            "--config": (list, None, "an experiment config (client, questions, LLMs); repeatable"),
            "--rollouts": (int, 320, "rollouts, of 3 calls on average; 0: profiles alone"),
            "--seed": (int, 0, "of the design"),
            "--out": (str, None, "file to write, instead of the config's model.calibration"),
            "--by": (str, None, "entry of the questions' meta by which plans may differ"),
        },
        args,
    )
    if given.config is None:
        raise ConfigError("--config", None, "an experiment config, for example simulated/math.yaml")
    return calibrate_command(given.config, given.rollouts, given.seed, given.out, given.by, console)


def _plan(args: list[str], console: Console) -> int:
    from abgnn.plan_command import plan_command

    options = {
        "--config": (
            str,
            None,
            "a config: plan from its profiles, without any rollout",
        ),
        "--cost": (float, None, "budget: mean USD per query"),
        "--latency": (float, None, "budget: mean seconds per query"),
        "--quantile": (float, None, "--latency is for this share of the queries, for example 0.95"),
        "--margin": (float, None, "share of the budgets that is aimed at (0.97, strict 0.93)"),
        "--queries": (int, 100, "how many the stated intervals are for"),
        "--out": (str, None, "file of the plan, for PlannedMixture and `abgnn certify`"),
    }
    flags = {
        "--strict": "aim at 93 % of the budgets, so that they are kept in nine runs of ten",
        "--json": "print JSON",
        "--pools": "mix LLMs within one resource tier only",
    }
    given = _parse_file("plan", "Plans within budgets, in seconds.", options, flags, args)
    return plan_command(given, console)


def _certify(args: list[str], console: Console) -> int:
    from abgnn.plan_command import certify_command

    given = _parse(
        "certify",
        "Execute held-out questions and state, with confidence bounds, whether budgets are met.",
        {
            "--config": (list, None, "an experiment config (client, test questions); repeatable"),
            "--plan": (str, None, "a file of `abgnn plan`, instead of the config's own policy"),
            "--cost": (float, None, "budget: mean USD per query"),
            "--latency": (float, None, "budget: mean seconds per query"),
            "--share": (float, None, "judge the share of queries within --latency instead"),
            "--confidence": (float, 0.95, "of each one-sided bound"),
            "--out": (str, None, "JSON file to write"),
        },
        args,
    )
    if given.config is None:
        raise ConfigError("--config", None, "an experiment config, for example simulated/math.yaml")
    return certify_command(given, console)


def _report(args: list[str], console: Console) -> int:
    from abgnn.report.page import report_command

    return report_command(args, console)


def _run(args: list[str], console: Console) -> int:
    from abgnn.ask import Bounds, ask

    given = _parse(
        "run",
        "Plan and execute one question; shows the trace with tokens, dollars and seconds.",
        {
            "question": (str, None, "what to ask"),
            "--checkpoint": (str, None, "a trained policy"),
            "--config": (str, None, "an experiment config: its untrained policy is used"),
            "--max-usd": (float, None, "what the answer may cost at most, in USD"),
            "--max-tokens": (int, None, "of a reply, for LLMs whose catalogue entry states none"),
            "--deadline": (float, None, "seconds until the answer; late agents are left out"),
            "--recording": (str, None, "SQLite file: recorded calls are free, others recorded"),
        },
        args,
    )
    bounds = Bounds(given.max_usd, given.deadline, given.recording, given.max_tokens)
    return ask(given.question, given.checkpoint, given.config, console, bounds)


def _outcomes(args: list[str], console: Console) -> int:
    from abgnn.outcome_report import outcomes_command

    return outcomes_command(args, console)


def _recordings(args: list[str], console: Console) -> int:
    from abgnn.recordings import recordings_command

    return recordings_command(args, console)


def _difficulty(args: list[str], console: Console) -> int:
    from abgnn.difficulty.command import difficulty_command

    return difficulty_command(args, console)
