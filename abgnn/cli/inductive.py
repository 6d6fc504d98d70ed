"""`abgnn inductive`: the same weights on other catalogues, without retraining."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from abgnn.cli.arguments import Parser
from abgnn.cli.scheduling import add_jobs, scheduler_of

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
    add_jobs(parser)


def run(args: Namespace, console: Console) -> int:
    """Evaluate seed by seed; what is finished is written, also by a run that is stopped."""
    from abgnn.cli.progress import progress_on
    from abgnn.experiments.compare.config import Comparison
    from abgnn.experiments.compare.job import QUIET
    from abgnn.experiments.experiment import build
    from abgnn.experiments.inductive import UNSEEN, WITHOUT, Change, inductive
    from abgnn.experiments.inductive_jobs import inductive_jobs
    from abgnn.experiments.inductive_table import write_inductive
    from abgnn.experiments.jobs.scheduler import Failed

    comparison = Comparison.from_yaml(args.config).with_seeds(args.seeds)
    comparison = replace(comparison, out=args.out or comparison.out)
    change = Change(tuple(args.without or WITHOUT), args.add or UNSEEN)
    label = build(comparison.fit, list(QUIET)).model.label
    by_seed: dict[int, list[Measured]] = {}
    failed = False
    with scheduler_of(args) as scheduler, progress_on(console) as progress:
        asked = (comparison, change, args.checkpoint or [])
        ended: Iterable[tuple[int, list[Measured] | Failed]]
        if scheduler is None:
            ended = zip(comparison.seeds, inductive(*asked, console), strict=True)
        else:
            ended = inductive_jobs(*asked, scheduler, console, progress)
        for seed, measured in ended:
            if isinstance(measured, Failed):
                failed = True
                continue
            by_seed[seed] = measured
            so_far = [m for s in comparison.seeds for m in by_seed.get(s, ())]
            write_inductive(comparison, so_far, label, console)
    return int(failed)
