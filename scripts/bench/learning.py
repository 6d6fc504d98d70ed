"""Held-out reward of what learns from few rollouts, at Table 6's operating points (simulated).

Every seed has a world, questions, an initialisation, a calibration set and wrong profiles of its
own. Rows marked (oracle) are chosen on the test questions, with other rollouts than those they are
judged on. A text stands for several simulated questions, each with difficulty and luck of its own:
two in the calibration, four among those that are held out. Rewards are averaged over the four
operating points; intervals are over seeds. A file per domain, world and seed is kept: started
again, only what is missing is made.
"""

from __future__ import annotations

import json
import logging
import warnings
from argparse import ArgumentParser
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from learning_report import report
from learning_world import DATA, GNNS, Row, World, budget_rows, fixed_rows, gnn, planner_rows

from abgnn.console import make_console
from abgnn.experiments.experiment import quiet
from abgnn.experiments.sweep import OperatingPoint, Sweep
from abgnn.graph.base_mas import BaseMAS

OUT = Path("runs/bench/learning")
NOISES = (0.0, 0.4, 0.8)
AIMS = {"aimed at 99 %": False, "strict": True}

Cell = tuple[str, int, bool, bool]  # domain, seed, whether messages mislead, whether GNNs learn


def path_of(cell: Cell) -> Path:
    domain, seed, mislead, learn = cell
    folder = OUT if learn else OUT / "planner"
    return folder / f"{domain}{'-mislead' if mislead else ''}-{seed}.json"


def run(cell: Cell) -> None:
    """All rows of one world, for every noise of the profiles; written at once."""
    quiet()
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    domain, seed, mislead, learn = cell
    sweep = Sweep.from_yaml(f"frontier/simulated-{domain}.yaml")
    points = list(sweep.points)
    pairs = list(zip(sweep.cost_budgets, sweep.latency_budgets, strict=True))
    base = BaseMAS(domain, encoder="offline")
    found: dict[str, Any] = {"source": "simulated", "noise": {}}
    fixed: list[tuple[str, int, Row]] = []
    for noise in (0.0,) if mislead else NOISES:
        world = World(domain, base, seed, noise, mislead)
        fixed = fixed or list(fixed_rows(world, points))  # profiles do not matter to them
        rows = [*fixed, *planner_rows(world, points), *(_gnns(world, points) if learn else ())]
        budgets = {
            name: [asdict(s) for s in budget_rows(world, pairs, strict=strict)]
            for name, strict in AIMS.items()
        }
        found["noise"][f"{noise:g}"] = {"rows": _plain(rows, points), "budgets": budgets}
        world.executor.close()
    path_of(cell).parent.mkdir(parents=True, exist_ok=True)
    path_of(cell).write_text(json.dumps(found, indent=1, ensure_ascii=False), encoding="utf-8")


def _gnns(world: World, points: list[OperatingPoint]) -> list[tuple[str, int, Row]]:
    with TemporaryDirectory() as folder:
        return [
            (how.name, i, gnn(world, how, point, folder))
            for how in GNNS
            for i, point in enumerate(points)
        ]


def _plain(rows: list[tuple[str, int, Row]], points: list[OperatingPoint]) -> dict[str, Any]:
    """Row → its figures at every operating point."""
    table: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for name, i, row in rows:
        mean, point = row.mean, points[i]
        table[name]["reward"].append(mean.reward(point.lambda_tok, point.lambda_lat))
        table[name]["accuracy"].append(mean.performance)
        table[name]["usd"].append(mean.cost_usd)
        table[name]["seconds"].append(mean.latency_s)
        table[name]["calls"].append(row.calls)
    return table


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--domain", choices=sorted(DATA), nargs="+", default=list(DATA))
    parser.add_argument("--seeds", type=int, default=8, help="how many worlds")
    parser.add_argument("--first", type=int, default=0, help="seed of the first world")
    parser.add_argument("--world", choices=["plain", "mislead"], nargs="+",
                        default=["plain", "mislead"], help="mislead: messages mislead")  # fmt: skip
    parser.add_argument(
        "--planner", action="store_true", help="no GNNs: many more worlds in as long"
    )
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--draw", action="store_true", help="only draw what has been made")
    args = parser.parse_args()
    console = make_console(150)
    cells = [
        (domain, seed, world == "mislead", not args.planner)
        for world in args.world
        for seed in range(args.first, args.first + args.seeds)
        for domain in args.domain
    ]
    missing = [cell for cell in cells if not path_of(cell).exists()]
    if missing and not args.draw:
        with ProcessPoolExecutor(args.jobs) as pool:
            for cell, _ in zip(missing, pool.map(run, missing), strict=True):
                console.print(f"{path_of(cell)} (simulated)")
    made = {cell[:3]: path for cell in cells if (path := path_of(cell)).exists()}
    report(made, path_of(cells[0]).parent, console)


if __name__ == "__main__":
    main()
