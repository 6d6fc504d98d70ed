"""`abgnn quickstart`: calibrate, teach the graph network, and compare it at four budgets."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from abgnn.cli.arguments import Parser
from abgnn.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

    from abgnn.experiments.quickstart.config import Quickstart
    from abgnn.experiments.quickstart.measured import World


def add_arguments(parser: Parser) -> None:
    """A quickstart config, how much of it, where to."""
    parser.description = (
        "In each of several simulated worlds (LLMs drawn by a seed): calibrate once, teach the "
        "graph network PlanNet from that, and compare it on other questions with planners, single "
        "LLMs, AgentBalance in the paper's mode and fixed teams, at four budgets. Writes "
        "points.csv, table.csv, two pictures and a checkpoint."
    )
    text = "a quickstart config, for example quickstart/general.yaml; repeatable"
    parser.add_argument("--config", required=True, action="append", metavar="NAME", help=text)
    text = "folder of the results, in place of the config's; of several configs a folder in it each"
    parser.add_argument("--out", metavar="DIR", help=text)
    text = "how many of the config's worlds, from the first on; left out: all"
    parser.add_argument("--worlds", type=int, metavar="N", help=text)
    text = "processes; left out: as many as there are cores"
    parser.add_argument("--jobs", type=int, metavar="N", help=text)


def run(args: Namespace, console: Console) -> int:
    """Run every world; of each config print the table and write the files."""
    from abgnn.experiments.quickstart.workers import prepare

    if args.jobs != 1:
        prepare()
    from abgnn.experiments.jobs.processes import cores
    from abgnn.experiments.quickstart.config import Quickstart
    from abgnn.experiments.quickstart.run import run_quickstart

    several = len(args.config) > 1
    configs = []
    for name in args.config:
        out = f"{args.out}/{Path(name).stem}" if args.out and several else args.out
        configs.append(Quickstart.from_yaml(name).with_worlds(args.worlds, out))
    if len({config.out for config in configs}) < len(configs):
        raise ConfigError("--config", args.config, "configs with a folder each (`out`)")
    for config, worlds in run_quickstart(configs, args.jobs or cores(), console):
        _show(config, worlds, console)
    return 0


def _show(config: Quickstart, worlds: list[World], console: Console) -> None:
    from abgnn.cli.views.quickstart import NOTES, quickstart_table
    from abgnn.experiments.quickstart.rivals import lines
    from abgnn.experiments.quickstart.run import different_plans, write_quickstart

    frontier, plans = write_quickstart(config, worlds)
    label, name = worlds[0].label, Path(config.out).name
    asked = len(worlds[0].points[0].by_question)
    table = lines(worlds, config.cost_budgets)
    title = (
        f"{name} ({label}): {len(worlds)} worlds × {asked} questions × {config.samples} rollouts"
    )
    console.print(quickstart_table(table, config.cost_budgets, title))
    for note in NOTES:
        console.print(note, highlight=False)
    spent = ", ".join(
        f"{100 * (usd or 0) / budget:.0f} %"
        for usd, budget in zip(table[0].usd, config.cost_budgets, strict=True)
    )
    console.print(f"ours spent, of each budget: {spent}", highlight=False)
    each, together = different_plans(worlds)
    counts = ", ".join(f"{count:.0f}" for count in each)
    text = f"different plans that our {asked} test questions got: {counts}, in all {together:.0f}"
    console.print(f"{text} (means of the worlds)", highlight=False)
    files = f"{frontier}, {plans.name}, table.csv, points.csv, plan_net.ckpt ({label})"
    console.print(files, highlight=False, soft_wrap=True)
