"""Version 3 of the simulated world beside real answers and real debates, and what it costs.

Targets are what real tables, debates and judgements gave. With --path, a folder that holds
`answers_*.jsonl` (a question a line, `llms`: name → [answer key, right, characters, cost]), the
same estimators run on the tables themselves.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from abgnn.data.catalogue import Catalogue
from abgnn.data.resources import config_path
from abgnn.data.template_yaml import load_roles
from abgnn.rollout import Agent, Executor, Plan, SimulatedClient
from abgnn.rollout.world.rules import Version
from datamodules import QuickQA
from scripts.bench.world_checks import agreement, all_checks, leader_right, spread


def simulated(worlds: range, n: int) -> Table:
    """Every check."""
    table = Table("simulated", "measured", "real", "within", "", title=f"{len(worlds)} worlds")
    for check in all_checks(worlds, n):
        numbers = (f"{x:.3f}" for x in (check.measured, check.target, check.within))
        table.add_row(check.what, *numbers, "" if check.holds else "outside")
    return table


def recorded(folder: Path) -> Table:
    """The same estimators on tables of real answers."""
    table = Table("recorded", "LLMs", "two agree", "three", "leader right, 1 2 3", "LLM × task, sd")
    for path in sorted(folder.glob("answers_*.jsonl")):
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").strip().split("\n")]
        named = {row["task"] for row in rows}
        for task in sorted(named) if len(named) < 5 else [""]:
            part = [row for row in rows if task in ("", row["task"])]
            llms = [name for name in part[0]["llms"] if all(name in r["llms"] for r in part)]
            right = np.array([[r["llms"][m][1] for m in llms] for r in part])
            pair, three = agreement(places(part, llms))
            leads = " ".join(f"{share:.2f}" for share in leader_right(places(part, llms)))
            tasks = [row["task"] for row in part]
            sd = f"{spread(right, tasks):.2f}" if len(set(tasks)) > 1 else ""
            name = f"{path.stem} {task}"
            table.add_row(name, str(len(llms)), f"{pair:.3f}", f"{three:.3f}", leads, sd)
    return table


def places(rows: list[dict[str, object]], llms: list[str]) -> np.ndarray:
    """Answers as places: 0 right, equal numbers for equal wrong keys, `[Q, M]`."""
    table = np.zeros((len(rows), len(llms)), dtype=int)
    for q, row in enumerate(rows):
        answers = row["llms"]
        assert isinstance(answers, dict)
        seen: dict[object, int] = {}
        for m, name in enumerate(llms):
            key, right = answers[name][:2]
            unread = f"unread {m}"  # no two LLMs without an answer agree
            table[q, m] = 0 if right else seen.setdefault(key or unread, len(seen) + 1)
    return table


def seconds_per_call(version: Version) -> float:
    """CPU of a simulated call: a team of five on every question, four times."""
    data, roles = QuickQA(), load_roles("general")
    llms = Catalogue.from_yaml(config_path("catalogues/paper.yaml"))
    names = [b.name for b in llms]
    team = tuple(Agent(r, names[i]) for i, r in enumerate((*roles[:4], roles[-1])))
    edges = tuple((i, 4) for i in range(4))
    plans = [Plan(q, team, edges, 4) for q in data.load() for _ in range(4)]
    with Executor(SimulatedClient(0, version=version), llms, data) as executor:
        executor.run(plans[:40], list(range(4)) * 10)
        began = time.process_time()
        executor.run(plans, list(range(4, 8)) * (len(plans) // 4))
        return (time.process_time() - began) / (5 * len(plans))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--path", type=Path, help="a folder with answers_*.jsonl")
    parser.add_argument("--worlds", type=int, default=12)
    parser.add_argument("--questions", type=int, default=1000)
    parser.add_argument("--first", type=int, default=1200, help="seed of the first world")
    args = parser.parse_args()
    console = Console(width=120)
    worlds = range(args.first, args.first + args.worlds)
    console.print(simulated(worlds, args.questions))
    if args.path is not None:
        console.print(recorded(args.path))
    second, third = (min(seconds_per_call(v) for _ in range(5)) for v in (2, 3))
    console.print(
        f"CPU per simulated call: {third / second:.3f} of version 2's, {third * 1e6:.0f} µs"
    )


if __name__ == "__main__":
    main()
