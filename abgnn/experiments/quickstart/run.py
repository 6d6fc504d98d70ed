"""All worlds of the main job, in parallel processes; then CSV files and pictures."""

from __future__ import annotations

import csv
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from abgnn.data.arrays import Array
from abgnn.experiments.cases import draw_shown
from abgnn.experiments.compare.run import silence
from abgnn.experiments.jobs.processes import start_worker
from abgnn.experiments.quickstart.config import Quickstart
from abgnn.experiments.quickstart.measured import OURS, SINGLE, TEAMS, World
from abgnn.experiments.quickstart.rivals import Line, Paired, lines
from abgnn.experiments.quickstart.world import run_world
from abgnn.plots.frontier import draw_frontiers


def run_quickstart(config: Quickstart, workers: int, console: Console) -> list[World]:
    """Every world; a line is printed as each is done."""
    worlds = []
    for done, world in enumerate(_worlds(config, workers), 1):
        worlds.append(world)
        made = ", ".join(f"{100 * p.by_question[:, 0].mean():.1f}" for p in world.of(OURS))
        text = f"world {world.seed} ({world.label}), {done} of {len(config.worlds)}: ours {made} %"
        console.print(text, highlight=False)
    return worlds


def _worlds(config: Quickstart, workers: int) -> Iterator[World]:
    first = config.worlds[0]
    if min(workers, len(config.worlds)) < 2:
        silence()
        yield from (run_world(config, seed, seed == first) for seed in config.worlds)
        return
    context = multiprocessing.get_context("spawn")  # torch has threads: no fork
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start)
    try:
        jobs = [pool.submit(run_world, config, seed, seed == first) for seed in config.worlds]
        yield from (job.result() for job in jobs)
    finally:
        pool.shutdown(cancel_futures=True)


def _start() -> None:
    start_worker()
    torch.set_num_threads(1)


def write_quickstart(config: Quickstart, worlds: Sequence[World]) -> tuple[Path, Path]:
    """points.csv, table.csv and both pictures: of the frontier, and of the plans that are shown."""
    out, label = Path(config.out), worlds[0].label
    out.mkdir(parents=True, exist_ok=True)
    _write_points(worlds, out / "points.csv")
    table = lines(worlds, config.cost_budgets)
    _write_lines(table, config.cost_budgets, label, out / "table.csv")
    frontier = draw_frontiers(
        {method: points * [1e3, 1] for method, points in mean_points(worlds, table).items()},
        None,
        out / f"frontier-{label}.png",
        title=f"What money buys: {out.name}",
        cost_unit="mUSD",
        performance_label="accuracy",
        log_x=True,
        front=OURS,
        simulated=label == "simulated",
    )
    plans = draw_shown(worlds[0].shown, out / f"plans-{label}.png", label)
    return frontier, plans


def mean_points(worlds: Sequence[World], table: Sequence[Line]) -> dict[str, Array]:
    """Method → (USD, accuracy) of its operating points, means over the worlds `[J, 2]`.

    Fixed teams are others in every world, so theirs are the table's.
    """
    by_name: dict[str, dict[str, list[Array]]] = {}
    for point in (point for world in worlds for point in world.points if point.method != TEAMS):
        pair = point.by_question.mean(0)[[1, 0]]
        method = "single LLMs" if point.method == SINGLE else point.method.rstrip("*")
        by_name.setdefault(method, {}).setdefault(point.name, []).append(pair)
    drawn = {
        method: np.array([np.mean(pairs, 0) for pairs in named.values()])
        for method, named in by_name.items()
    }
    [teams] = (line for line in table if line.method == TEAMS)
    able = [
        (usd, a)
        for usd, a in zip(teams.usd, teams.accuracy, strict=True)
        if usd is not None and a is not None
    ]
    return {**drawn, TEAMS.rstrip("*"): np.array(able)} if able else drawn


def different_plans(worlds: Sequence[World], method: str = OURS) -> list[float]:
    """How many different plans the test questions got at each budget, mean over the worlds."""
    counts = [[point.plans for point in world.of(method)] for world in worlds]
    return [float(np.mean(at)) for at in zip(*counts, strict=True)]


def _write_points(worlds: Sequence[World], path: Path) -> None:
    heads = ["source", "world", "method", "point", "accuracy", "cost_usd", "latency_s", "plans"]
    rows = [
        [w.label, w.seed, p.method.rstrip("*"), p.name, *p.by_question.mean(0).tolist(), p.plans]
        for w in worlds
        for p in w.points
    ]
    _write(path, heads, rows)


def _write_lines(table: Sequence[Line], budgets: Sequence[float], label: str, path: Path) -> None:
    heads = ["source", "method", "budget_usd", "accuracy", "cost_usd", "ours_minus", "half_width"]
    rows: list[list[object]] = []
    for line in table:
        method = line.method.rstrip("*")
        columns = zip(budgets, line.accuracy, line.usd, line.against, strict=True)
        for budget, accuracy, usd, gap in columns:
            rows.append([label, method, budget, accuracy, usd, *_plain(gap)])
        rows.append([label, method, "mean", None, None, *_plain(line.mean)])
    _write(path, heads, rows)


def _plain(gap: Paired | None) -> tuple[float | None, float | None]:
    return (None, None) if gap is None else (gap.mean, gap.half)


def _write(path: Path, heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(heads)
        writer.writerows(rows)
