"""`abgnn difficulty fit|eval`: train a head on outcomes, or judge one on them."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from abgnn.difficulty.config import DifficultyConfig, read_table
from abgnn.difficulty.fit import fit_estimator, quiet
from abgnn.difficulty.head_file import load_head, save_head
from abgnn.difficulty.judge import figures_table, judge
from abgnn.difficulty.packaged import packaged_estimator
from abgnn.errors import ConfigError
from abgnn.graph.encoders import TextEncoder


def difficulty_command(args: Sequence[str], console: Console) -> int:
    """Run the command.

    Raises:
        ConfigError: a config, table or head that cannot be used.
    """
    given = _parser().parse_args(args)
    quiet()
    return _fit(given, console) if given.action == "fit" else _eval(given, console)


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="abgnn difficulty", description="Estimate how hard questions are for LLMs."
    )
    actions = parser.add_subparsers(dest="action", required=True)
    fit = actions.add_parser("fit", help="train a head on tables of outcomes")
    fit.add_argument("--config", default="difficulty/paper.yaml", help="settings, and tables")
    fit.add_argument("--encoder", help="a sentence-transformers model, or offline")
    fit.add_argument("--train-layers", type=int, help="transformer layers that learn; 0: none")
    fit.add_argument("--epochs", type=int, help="at most")
    fit.add_argument("--seed", type=int)
    fit.add_argument("--out", default="runs/difficulty", help="folder of head and figures")
    judged = actions.add_parser("eval", help="judge a head on a table of outcomes")
    judged.add_argument("--head", default="packaged", help="a file of `fit`, or packaged")
    judged.add_argument("--encoder", default="offline", help="of the fit to the table itself")
    judged.add_argument("--folds", type=int, default=5)
    judged.add_argument("--repeats", type=int, default=5, help="divisions into folds")
    for action in (fit, judged):
        action.add_argument("--path", required=action is judged, help="a table of outcomes")
        action.add_argument("--layout", default="auto", help="of the table, see read_outcomes")
        action.add_argument("--tasks", help="names with commas between, or paper; default: all")
    return parser


def _fit(given: Namespace, console: Console) -> int:
    table = {"path": given.path, "layout": given.layout, "tasks": given.tasks}
    config = DifficultyConfig.from_yaml(
        given.config,
        {
            "tables": [table] if given.path else None,
            "encoder": given.encoder,
            "train_layers": given.train_layers,
            "epochs": given.epochs,
            "seed": given.seed,
        },
    )
    folder = Path(given.out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError("--out", given.out, "a folder that can be made") from error
    estimator = fit_estimator(
        config.read(), config.settings, folder / "tensorboard", progress=console.is_terminal
    )
    path = folder / "head.safetensors"
    save_head(estimator, path)
    console.print(f"head: {path}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"figures: tensorboard --logdir {folder}", markup=False, highlight=False)
    return 0


def _eval(given: Namespace, console: Console) -> int:
    if given.repeats < 1:
        raise ConfigError("--repeats", given.repeats, "1 or more")
    table = read_table(given.path, given.layout, given.tasks)
    head = packaged_estimator() if given.head == "packaged" else load_head(given.head)
    ease = head.ease(table.texts, table.tasks)
    found = judge(table, ease, TextEncoder(given.encoder), given.folds, given.repeats)
    title = f"{Path(given.path).name}: {len(table.ids)} questions, {len(table.llms)} LLMs"
    console.print(figures_table(found, title))
    if given.head == "packaged":
        console.print(
            "The packaged head has learned from the LLMRouter and RouteLLM tables: on their "
            "questions its rows are not held out."
        )
    return 0
