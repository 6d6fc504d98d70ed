"""Tables, a CSV and a picture of what `learning.py` has made (simulated)."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from learning_world import BEST_FIXED, BEST_SINGLE
from matplotlib.axes import Axes
from rich.console import Console
from rich.table import Table
from scipy import stats

from abgnn.data.arrays import Array

Cells = Mapping[tuple[str, int, bool], Path]

PLANNER, ZERO = "planner, 320 rollouts", "planner, profiles alone"
LOO = "GNN, random weights + LOO"
DIFFERENCES = (  # row, minus row
    (PLANNER, ZERO),
    (PLANNER, LOO),
    (PLANNER, BEST_FIXED),
    (f"{PLANNER}, free", f"{ZERO}, free"),
    (f"{PLANNER}, free", BEST_SINGLE),
    (f"{PLANNER}, free", "best single LLM in its best role (oracle)"),
    ("planner → GNN", PLANNER),
    ("planner → GNN + LOO", "planner → GNN"),
)


def report(cells: Cells, out: Path, console: Console) -> None:
    """Everything there is, by domain, world and noise."""
    groups: dict[tuple[str, bool, str], list[dict[str, Any]]] = {}
    for (domain, _, mislead), path in sorted(cells.items()):
        for noise, found in json.loads(path.read_text(encoding="utf-8"))["noise"].items():
            groups.setdefault((domain, mislead, noise), []).append(found)
    out.mkdir(parents=True, exist_ok=True)
    with (out / "table.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        head = ["source", "domain", "mislead", "noise", "row", "calls", "accuracy", "usd"]
        writer.writerow([*head, "seconds", "reward", "reward_half_width", "worlds"])
        for key, found in groups.items():
            console.print(_rows(key, found, writer))
            console.print(_differences(found))
            console.print(_budgets(found))
    path = out / "rewards.png"
    _draw(groups, path)
    console.print(f"{out / 'table.csv'}, {path}")


def _reward(found: list[dict[str, Any]], row: str, what: str = "reward") -> Array:
    """Mean over the operating points, `[worlds]`."""
    return np.array([np.mean(f["rows"][row][what]) for f in found])


def _rows(key: tuple[str, bool, str], found: list[dict[str, Any]], writer: Any) -> Table:
    domain, mislead, noise = key
    world = "messages mislead, " if mislead else ""
    title = f"{domain}, {world}profiles off by {noise}; {len(found)} fresh worlds (simulated)"
    table = _table(title, ("row", "LLM calls", "accuracy", "mUSD", "s", "reward ± 95 %"))
    for row in sorted(found[0]["rows"], key=lambda r: -float(_reward(found, r).mean())):
        calls, accuracy, usd, seconds = (
            float(_reward(found, row, what).mean())
            for what in ("calls", "accuracy", "usd", "seconds")
        )
        mean, half = interval(_reward(found, row))
        cells = f"{calls:.0f}", f"{accuracy:.3f}", f"{1e3 * usd:.3f}", f"{seconds:.1f}"
        table.add_row(row, *cells, f"{mean:.4f} ± {half:.4f}")
        writer.writerow(
            ["simulated", *key, row, calls, accuracy, usd, seconds, mean, half, len(found)]
        )
    return table


def _differences(found: list[dict[str, Any]]) -> Table:
    heads = ("paired by world (simulated)", "difference ± 95 %", "won", "share")
    table = _table("", heads)
    for row, base in DIFFERENCES:
        if row not in found[0]["rows"] or base not in found[0]["rows"]:
            continue
        a, b = _reward(found, row), _reward(found, base)
        mean, half = interval(a - b)
        won = f"{int((a > b).sum())}/{len(a)}"
        share = f"{float(a.mean() / b.mean()):.3f}"
        table.add_row(f"{row} − {base}", f"{mean:+.4f} ± {half:.4f}", won, share)
    return table


def _budgets(found: list[dict[str, Any]]) -> Table:
    """The larger of cost and latency, each over its budget: the binding one."""
    names = ("aim", "accuracy, B1 … B4", "use / budget, mean of B1 … B4", "worst", "within")
    table = _table("both budgets at once, planner, free (simulated)", names)
    for aim in found[0]["budgets"]:
        spent = [f["budgets"][aim] for f in found]
        ratio = np.array([[max(s["cost"], s["latency"]) for s in four] for four in spent])
        accuracy = np.array([[s["accuracy"] for s in four] for four in spent]).mean(0)
        table.add_row(
            aim,
            " ".join(f"{a:.3f}" for a in accuracy),
            " ".join(f"{r:.2f}" for r in ratio.mean(0)),
            f"{ratio.max():.2f}",
            f"{(ratio <= 1).mean():.0%}",
        )
    return table


def _table(title: str, heads: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left")
    for i, head in enumerate(heads):
        table.add_column(head, justify="right" if i else "left")
    return table


def interval(values: Array) -> tuple[float, float]:
    """Mean and half-width of the 95 % t-interval over seeds."""
    n, mean = len(values), float(values.mean())
    if n < 2:
        return mean, math.nan
    return mean, float(stats.t.ppf(0.975, n - 1)) * float(values.std(ddof=1)) / math.sqrt(n)


def _draw(groups: Mapping[tuple[str, bool, str], list[dict[str, Any]]], path: Path) -> None:
    """Reward of every row, a panel per domain, a marker per world and noise."""
    if not groups:
        return
    domains = list(dict.fromkeys(domain for domain, _, _ in groups))
    figure, axes = plt.subplots(
        1, len(domains), figsize=(5 + 3.2 * len(domains), 6), sharey=True, squeeze=False
    )
    rows = sorted(next(iter(groups.values()))[0]["rows"], key=str)
    rows.sort(key=lambda r: float(np.mean([_reward(f, r).mean() for f in groups.values()])))
    for ax, domain in zip(axes[0], domains, strict=True):
        mine = {key[1:]: found for key, found in groups.items() if key[0] == domain}
        _panel(ax, mine, rows)
        ax.set_title(domain)
        ax.set_xlabel("reward, mean of four points")
    axes[0][0].set_yticks(range(len(rows)), rows)
    figure.suptitle("Held-out reward after few rollouts (simulated)")
    figure.tight_layout(rect=(0, 0.05, 1, 1))
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=len(labels), fontsize=9)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _panel(
    ax: Axes, groups: Mapping[tuple[bool, str], list[dict[str, Any]]], rows: list[str]
) -> None:
    for k, ((mislead, noise), found) in enumerate(groups.items()):
        means, halves = zip(*(interval(_reward(found, row)) for row in rows), strict=True)
        label = "messages mislead" if mislead else f"profiles off by {noise}"
        at = np.arange(len(rows)) + 0.15 * (k - 1.5)
        ax.errorbar(means, at, xerr=halves, fmt="osD^"[k % 4], ms=4, lw=0.8, label=label)
    ax.grid(axis="y", lw=0.3)
