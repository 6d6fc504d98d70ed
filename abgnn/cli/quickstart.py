"""`abgnn quickstart`: calibrate, teach the graph network, and compare it at four budgets."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from abgnn.cli.arguments import Parser

if TYPE_CHECKING:
    from rich.console import Console


def add_arguments(parser: Parser) -> None:
    """A quickstart config, how much of it, where to."""
    parser.description = (
        "In each of several worlds: calibrate once, teach PlanNet from it, and compare it on "
        "other questions with planners, single LLMs, AgentBalance in the paper's mode and fixed "
        "teams, at four budgets. Writes points.csv, table.csv, two pictures and a checkpoint."
    )
    text = "a quickstart config, for example quickstart/general.yaml"
    parser.add_argument("--config", required=True, metavar="NAME", help=text)
    text = "folder of the results, in place of the config's"
    parser.add_argument("--out", metavar="DIR", help=text)
    text = "how many of the config's worlds, from the first on; left out: all"
    parser.add_argument("--worlds", type=int, metavar="N", help=text)
    text = "processes; left out: as many as there are cores"
    parser.add_argument("--jobs", type=int, metavar="N", help=text)


def run(args: Namespace, console: Console) -> int:
    """Run every world, print the table, write the files."""
    from pathlib import Path

    from abgnn.cli.views.quickstart import NOTES, quickstart_table
    from abgnn.experiments.jobs.processes import cores
    from abgnn.experiments.quickstart.config import Quickstart
    from abgnn.experiments.quickstart.rivals import lines
    from abgnn.experiments.quickstart.run import (
        different_plans,
        run_quickstart,
        write_quickstart,
    )

    config = Quickstart.from_yaml(args.config).with_worlds(args.worlds, args.out)
    worlds = run_quickstart(config, args.jobs or cores(), console)
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
    counts = ", ".join(f"{count:.0f}" for count in different_plans(worlds))
    text = f"different plans that our {asked} test questions got: {counts}"
    console.print(f"{text} (mean of the worlds)", highlight=False)
    files = f"{frontier}, {plans.name}, table.csv, points.csv, plan_net.ckpt ({label})"
    console.print(files, highlight=False, soft_wrap=True)
    return 0
