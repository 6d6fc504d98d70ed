"""All worlds of the main job, in parallel processes; CSV files and pictures of each domain."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from abgnn.data.arrays import Array
from abgnn.experiments.cases import draw_shown
from abgnn.experiments.compare.run import silence
from abgnn.experiments.quickstart.config import Quickstart
from abgnn.experiments.quickstart.measured import OURS, SINGLE, TEAMS, Team, World
from abgnn.experiments.quickstart.rivals import Line, Paired, lines
from abgnn.experiments.quickstart.workers import pool_of
from abgnn.experiments.quickstart.world import run_world
from abgnn.plots.frontier import draw_frontiers


def run_quickstart(
    configs: Sequence[Quickstart], workers: int, console: Console
) -> Iterator[tuple[Quickstart, list[World]]]:
    """Every config with its worlds, as soon as they are there; a line is printed for each world.

    All worlds share the processes, so that none waits for the last world of a config.
    """
    done = _worlds(configs, workers)
    for config in configs:
        worlds = []
        for _ in config.worlds:
            world = next(done)
            worlds.append(world)
            made = ", ".join(f"{100 * p.by_question[:, 0].mean():.1f}" for p in world.of(OURS))
            place = f"{len(worlds)} of {len(config.worlds)}"
            text = f"world {world.seed} ({world.label}), {place}: ours {made} %"
            console.print(text, highlight=False)
        yield config, worlds


def _worlds(configs: Sequence[Quickstart], workers: int) -> Iterator[World]:
    jobs = [
        (config, seed, seed == config.worlds[0]) for config in configs for seed in config.worlds
    ]
    if min(workers, len(jobs)) < 2:
        silence()
        yield from (run_world(*job) for job in jobs)
        return
    pool = pool_of(min(workers, len(jobs)))
    try:
        under_way = [pool.submit(run_world, *job) for job in jobs]
        while under_way:
            yield under_way.pop(0).result()
    finally:
        pool.shutdown(cancel_futures=True)


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


def different_plans(worlds: Sequence[World], method: str = OURS) -> tuple[list[float], float]:
    """How many different plans the test questions got at each budget, and at all of them together;
    means over the worlds."""
    plans = [[point.plans for point in world.of(method)] for world in worlds]
    counts = np.array([[len(at) for at in of] for of in plans], float)
    together = [len(frozenset[Team]().union(*of)) for of in plans]
    return counts.mean(0).tolist(), float(np.mean(together))


def _write_points(worlds: Sequence[World], path: Path) -> None:
    heads = ["source", "world", "method", "point", "accuracy", "cost_usd", "latency_s", "plans"]
    heads += ["accuracy_se"]  # over questions
    rows = [
        [w.label, w.seed, p.method.rstrip("*"), p.name, *p.by_question.mean(0).tolist(),
         len(p.plans), p.accuracy_se]
        for w in worlds
        for p in w.points
    ]  # fmt: skip
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
