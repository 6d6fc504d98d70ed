"""The study's pictures: what a budget buys, where ours stops being best, and the paper's cases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from abgnn.data.arrays import Array
from abgnn.evaluation.frontier import performance_at
from abgnn.experiments.cases import cases_of, draw_shown
from abgnn.experiments.compare.config import Comparison
from abgnn.plots.frontier import stamp
from abgnn.plots.style import COLOURS, DIM, GRID, INK, LINES, style

from .figures import Shown
from .headline import DOMAINS, Parts
from .page import CASES
from .rows import RESULTS
from .study_tables import parts_there
from .worlds import WORLDS, Against, all_against

FRONT = ("closed loop", "planner", "AgentBalance, taught")
BEHIND = ("cascade", "self-consistency", "AgentPrune", "AgentDropout", "G-Designer", "MasRouter",
          "BAMAS")  # fmt: skip
LABELS = {"planner": "planner by question", "single LLM": "mixture of single LLMs"}
VERDICTS = {"better": COLOURS[2], "not shown": DIM, "worse": COLOURS[1]}
STEPS = 60
HEAD = 0.45  # inches
CLOSE = 1.5  # times a budget: the next one's label would overlap


def draw_pictures(folder: Path = RESULTS) -> list[Path]:
    """Those that there are rows for."""
    parts, made = parts_there(), []
    if any(f"headline-{domain}-160" in parts for domain in DOMAINS):
        made.append(draw_headline(parts, folder / "headline-simulated.png"))
    if any(part in parts for part in WORLDS):
        made.append(draw_worlds(parts, folder / "worlds-simulated.png"))
    return made


def draw_cases_of_paper(folder: Path = RESULTS) -> list[Path]:
    """Figure 6 in both versions of the world, as `abgnn cases` draws it; those that are missing."""
    made = []
    for version, name in CASES.items():
        if not (path := folder / name).exists():
            comparison = Comparison.from_yaml("compare/simulated-general.yaml")
            laid = {**comparison.set, "model.client.init_args.version": version}
            shown, label = cases_of(replace(comparison, set=laid))
            made.append(draw_shown(shown, path, label))
    return made


def draw_headline(parts: Parts, path: Path) -> Path:
    """Accuracy against USD per question, a panel per domain; means over worlds at each budget."""
    there = {d: parts[f"headline-{d}-160"][""] for d in DOMAINS if f"headline-{d}-160" in parts}
    with style():
        figure = Figure((4.0 * len(there), 4.6), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(1, len(there), squeeze=False)[0]
        for ax, (domain, shown) in zip(axes, there.items(), strict=True):
            _panel(ax, shown, domain)
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=min(4, 2 * len(there)),
                      frameon=False)  # fmt: skip
        _head(figure, "What a budget buys, after 160 rollouts (simulated, world 3)")
        figure.savefig(path, dpi=140)
    return path


def _head(figure: Figure, title: str) -> None:
    """A title and the stamp, above all panels."""
    height = figure.get_size_inches()[1]
    figure.get_layout_engine().set(rect=(0, 0, 1, 1 - HEAD / height))  # type: ignore[union-attr]
    figure.text(0.01, 1 - 0.12 / height, title, va="top", color=INK, fontsize=12)
    stamp(figure, 0.99, 1 - 0.1 / height)


def _panel(ax: Axes, shown: Shown, domain: str) -> None:
    budgets = shown.comparison.cost_budgets
    grid = np.geomspace(budgets[0], 1.3 * budgets[-1], STEPS)  # below, nothing was planned for
    others = [name for name in BEHIND if name in shown.lines]
    for k, name in enumerate(others):
        ax.plot(1e3 * grid, 100 * _curve(shown, name, grid), label=name, lw=1.1,
                color=COLOURS[(k + 3) % len(COLOURS)], ls=LINES[1 + k % (len(LINES) - 1)],
                alpha=0.8)  # fmt: skip
    base = shown.comparison.base
    ax.plot(1e3 * grid, 100 * _curve(shown, base, grid), color=INK, lw=1.6, label=LABELS[base])
    for k, name in enumerate(n for n in FRONT if n in shown.lines):
        ax.plot(1e3 * grid, 100 * _curve(shown, name, grid), color=COLOURS[k], lw=2.4,
                label=f"ours: {LABELS.get(name, name)}")  # fmt: skip
    best = 100 * _curve(shown, FRONT[0], grid).max()
    worlds = f"{shown.seeds} world" + "s" * (shown.seeds > 1)
    ax.set(xscale="log", xlabel="mUSD per question", title=f"{domain}, {worlds}",
           ylim=(best - 30, best + 2))  # fmt: skip
    ax.set_ylabel("accuracy in %")
    apart = [b for a, b in pairwise((0.0, *budgets)) if b > CLOSE * a]  # labels are as wide as that
    ax.set_xticks([1e3 * b for b in apart], [f"{1e3 * b:.2g}" for b in apart])
    ax.minorticks_off()
    ax.grid(color=GRID, lw=0.6)


def _curve(shown: Shown, method: str, grid: Array) -> Array:
    """Mean over worlds of the performance within each budget, `[STEPS]`."""
    curves = [
        [performance_at(points, float(budget)) for budget in grid]
        for points in (shown.points(method, seed) for seed in shown.comparison.seeds)
    ]
    return np.mean(curves, 0)


def draw_worlds(parts: Parts, path: Path) -> Path:
    """Ours less the best other method, a line per world: right of 0 is better."""
    made = all_against(parts)
    methods = list(next(iter(made.values())))
    with style():
        figure = Figure((7.2, 1.2 + 0.42 * len(made)), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(1, len(methods), sharey=True, squeeze=False)[0]
        for ax, method in zip(axes, methods, strict=True):
            _dots(ax, {world: each[method] for world, each in made.items()})
            ax.set_title(f"ours: {LABELS.get(method, method)}")
        handles = [
            axes[0].plot([], [], marker="o", ls="", color=colour, label=words)[0]
            for words, colour in VERDICTS.items()
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
        _head(figure, "Points over the best other method in each world, ± 95 %")
        figure.savefig(path, dpi=140)
    return path


def _dots(ax: Axes, made: Mapping[str, Against]) -> None:
    places = np.arange(len(made))[::-1]
    for place, each in zip(places, made.values(), strict=True):
        half = 0.0 if np.isnan(each.half) else each.half
        ax.errorbar(each.mean, place, xerr=half, fmt="o", color=VERDICTS[each.verdict], capsize=3)
    ax.axvline(0, color=INK, lw=0.8)
    ax.set_yticks(places, list(made))
    ax.set_xlabel("points of accuracy")
    ax.grid(axis="x", color=GRID, lw=0.6)
