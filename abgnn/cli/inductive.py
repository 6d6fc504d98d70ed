"""`abgnn inductive`: the same weights on other catalogues, without retraining."""

from __future__ import annotations

from dataclasses import replace

from rich.console import Console

from abgnn.cli.arguments import parse
from abgnn.errors import ConfigError
from abgnn.experiments.compare.config import Comparison
from abgnn.experiments.compare.job import QUIET
from abgnn.experiments.experiment import build
from abgnn.experiments.inductive import (
    UNSEEN,
    WITHOUT,
    Change,
    Measured,
    inductive,
    write_inductive,
)


def inductive_command(args: list[str], console: Console) -> int:
    """Carry out `abgnn inductive`."""
    given = parse(
        "inductive",
        "Train operating points, then use the same weights with other backbones.",
        {
            "--config": (str, None, "a compare config, for example compare/inductive-general.yaml"),
            "--checkpoint": (list, None, "a policy instead of training; repeatable"),
            "--without": (list, None, "a backbone to remove; repeatable"),
            "--add": (str, UNSEEN, "catalogue of unseen backbones"),
            "--seeds": (int, None, "how many of the config's seeds"),
            "--out": (str, None, "folder of the results"),
        },
        args,
    )
    if given.config is None:
        raise ConfigError("--config", None, "a compare config, see configs/compare")
    comparison = Comparison.from_yaml(given.config).with_seeds(given.seeds)
    comparison = replace(comparison, out=given.out or comparison.out)
    change = Change(tuple(given.without or WITHOUT), given.add)
    label = build(comparison.fit, list(QUIET)).model.label
    found: list[Measured] = []
    for of_seed in inductive(comparison, change, given.checkpoint or [], console):
        found += of_seed
        write_inductive(comparison, found, label, console)  # so that a stopped run leaves some
    return 0
