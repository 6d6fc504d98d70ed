"""`abgnn inductive`: the same weights on other catalogues, without retraining."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace
from typing import TYPE_CHECKING

from abgnn.cli.arguments import Parser

if TYPE_CHECKING:
    from rich.console import Console

    from abgnn.experiments.inductive import Measured


def add_arguments(parser: Parser) -> None:
    """A compare config, and how the catalogue changes."""
    parser.description = (
        "Train operating points (or load them), calibrate once, then use the same weights and "
        "calibration with LLMs removed and with unseen ones added; Figure 4, tables and a CSV."
    )
    text = "a compare config, for example compare/inductive-general.yaml"
    parser.add_argument("--config", required=True, metavar="NAME", help=text)
    text = "a trained policy, one per operating point, in place of training; repeatable"
    parser.add_argument("--checkpoint", action="append", metavar="FILE", help=text)
    text = "an LLM to remove; repeatable; left out: Qwen3-235B-A22B, thinking and not"
    parser.add_argument("--without", action="append", metavar="LLM", help=text)
    text = "catalogue of unseen LLMs; left out: catalogues/transfer.yaml"
    parser.add_argument("--add", metavar="NAME", help=text)
    text = "how many of the config's seeds; left out: all"
    parser.add_argument("--seeds", type=int, metavar="N", help=text)
    text = "folder of the results, in place of the config's"
    parser.add_argument("--out", metavar="DIR", help=text)


def run(args: Namespace, console: Console) -> int:
    """Evaluate seed by seed; what a stopped run has finished is written."""
    from abgnn.experiments.compare.config import Comparison
    from abgnn.experiments.compare.job import QUIET
    from abgnn.experiments.experiment import build
    from abgnn.experiments.inductive import UNSEEN, WITHOUT, Change, inductive
    from abgnn.experiments.inductive_table import write_inductive

    comparison = Comparison.from_yaml(args.config).with_seeds(args.seeds)
    comparison = replace(comparison, out=args.out or comparison.out)
    change = Change(tuple(args.without or WITHOUT), args.add or UNSEEN)
    label = build(comparison.fit, list(QUIET)).model.label
    measured: list[Measured] = []
    for of_seed in inductive(comparison, change, args.checkpoint or [], console):
        measured += of_seed
        write_inductive(comparison, measured, label, console)
    return 0
