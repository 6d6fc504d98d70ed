"""`abgnn difficulty fit|eval`: train a head on outcomes, or judge one on them."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from abgnn.cli.arguments import Parser
from abgnn.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console


def add_arguments(parser: Parser) -> None:
    """Two actions, each with arguments of its own."""
    parser.description = (
        "Estimate how hard questions are for LLMs, from a table of recorded outcomes."
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="fit|eval")
    fit = actions.add_parser("fit", help="train a head on tables of outcomes")
    text = "settings, and tables of outcomes; difficulty/offline.yaml needs no network"
    fit.add_argument("--config", default="difficulty/paper.yaml", metavar="NAME", help=text)
    text = "a sentence-transformers model, or offline; left out: the config's"
    fit.add_argument("--encoder", metavar="MODEL", help=text)
    text = "transformer layers that learn too, 0: none; left out: the config's"
    fit.add_argument("--train-layers", type=int, metavar="N", help=text)
    fit.add_argument("--epochs", type=int, metavar="N", help="at most")
    fit.add_argument("--seed", type=int, help="left out: the config's")
    text = "folder of the head and its figures"
    fit.add_argument("--out", default="runs/difficulty", metavar="DIR", help=text)
    judged = actions.add_parser("eval", help="judge a head on a table of outcomes")
    text = "a file of `abgnn difficulty fit`, or packaged: the one that ships"
    judged.add_argument("--head", default="packaged", metavar="FILE", help=text)
    text = "of the estimator that is fitted to the table itself, for comparison"
    judged.add_argument("--encoder", default="offline", metavar="MODEL", help=text)
    judged.add_argument("--folds", type=int, default=5, metavar="N", help="of the cross-fitting")
    text = "divisions into folds"
    judged.add_argument("--repeats", type=int, default=5, metavar="N", help=text)
    for action in (fit, judged):
        text = "a table of outcomes" + ("; left out: the config's" if action is fit else "")
        action.add_argument("--path", required=action is judged, metavar="FILE", help=text)
        text = "of the table: auto, long, answers, routerbench, llmrouter or routellm"
        action.add_argument("--layout", default="auto", help=text)
        text = "tasks to keep, with commas between, or paper: the five of the paper"
        action.add_argument("--tasks", help=text)


def run(args: Namespace, console: Console) -> int:
    """Train or judge.

    Raises:
        ConfigError: a config, table or head that cannot be used.
    """
    from abgnn.difficulty.fit import quiet

    quiet()
    return _fit(args, console) if args.action == "fit" else _eval(args, console)


def _fit(args: Namespace, console: Console) -> int:
    from abgnn.difficulty.config import DifficultyConfig
    from abgnn.difficulty.fit import fit_estimator
    from abgnn.difficulty.head_file import save_head

    table = {"path": args.path, "layout": args.layout, "tasks": args.tasks}
    config = DifficultyConfig.from_yaml(
        args.config,
        {
            "tables": [table] if args.path else None,
            "encoder": args.encoder,
            "train_layers": args.train_layers,
            "epochs": args.epochs,
            "seed": args.seed,
        },
    )
    folder = Path(args.out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError("--out", args.out, "a folder that can be made") from error
    estimator = fit_estimator(
        config.read(), config.settings, folder / "tensorboard", progress=console.is_terminal
    )
    path = folder / "head.safetensors"
    save_head(estimator, path)
    console.print(f"head: {path}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"figures: tensorboard --logdir {folder}", markup=False, highlight=False)
    return 0


def _eval(args: Namespace, console: Console) -> int:
    from abgnn.difficulty.config import read_table
    from abgnn.difficulty.head_file import load_head
    from abgnn.difficulty.judge import figures_table, judge
    from abgnn.difficulty.packaged import packaged_estimator
    from abgnn.graph.encoders import TextEncoder

    if args.repeats < 1:
        raise ConfigError("--repeats", args.repeats, "1 or more")
    table = read_table(args.path, args.layout, args.tasks)
    head = packaged_estimator() if args.head == "packaged" else load_head(args.head)
    ease = head.ease(table.texts, table.tasks)
    figures = judge(table, ease, TextEncoder(args.encoder), args.folds, args.repeats)
    title = f"{Path(args.path).name}: {len(table.ids)} questions, {len(table.llms)} LLMs"
    console.print(figures_table(figures, title))
    if args.head == "packaged":
        console.print(
            "The packaged head has learned from the LLMRouter and RouteLLM tables: on their "
            "questions its rows are not held out."
        )
    return 0
