"""Figure 4: shares of LLM calls per catalogue, and areas beside them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from abgnn.plots.frontier import wide_legend
from abgnn.plots.style import COLOURS, INK, WARNING, short

Key = tuple[str, str]  # system, catalogue
HATCHES = ("", "///", "...", "xxx")


def draw_inductive(
    used: Mapping[Key, Mapping[str, float]],
    areas: Mapping[Key, Mapping[str, float]],
    path: Path,
    *,
    simulated: bool,
) -> None:
    """One panel per catalogue with the shares of LLM calls, one with areas.

    Args:
        used: share of calls by backbone, per system and catalogue.
        areas: mean performance over each window, by its name, per system and catalogue.
        path: where to.
        simulated: writes so, visibly.
    """
    systems = list(dict.fromkeys(system for system, _ in used))
    catalogues = list(dict.fromkeys(catalogue for _, catalogue in used))
    names = list(dict.fromkeys(n for share in used.values() for n in sorted(share)))
    size = (4.0 * (len(catalogues) + 1), 0.34 * len(names) + 2.3)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(1, len(catalogues) + 1, squeeze=False)[0]
    for ax, catalogue in zip(axes, catalogues, strict=False):
        shown = {s: used.get((s, catalogue), {}) for s in systems}
        told = [short(name) for name in names] if ax is axes[0] else [""] * len(names)
        _bars(ax, {s: [share.get(n, 0.0) for n in names] for s, share in shown.items()}, told)
        ax.set_title(f"LLM calls, {catalogue}", fontsize=10, color=INK)
        ax.set_xlabel("share of calls")
    wide_legend(figure, axes[0].get_legend_handles_labels()[0])
    windows = list(next(iter(areas.values())))
    rows = [f"{w.removeprefix('narrow_')}, {c}" for w in windows for c in catalogues]
    values = {s: [areas[s, c][w] for w in windows for c in catalogues] for s in systems}
    _bars(axes[-1], values, rows)
    for bars in axes[-1].containers:  # the paper lists the areas, so they are read and not guessed
        axes[-1].bar_label(bars, fmt="{:.3f}", padding=3, fontsize=7)
    low = min(min(v) for v in values.values())
    axes[-1].set_xlim(max(0.0, low - 0.05), 1.05)  # room for the figures beside the bars
    axes[-1].set_title("mean performance within budgets", fontsize=10, color=INK)
    title = "The same weights with other catalogues" + (" (simulated)" if simulated else "")
    figure.suptitle(title, fontweight="bold", color=WARNING if simulated else INK)
    figure.savefig(path, dpi=150)


def _bars(ax: Axes, values: Mapping[str, list[float]], names: list[str]) -> None:
    height = 0.8 / len(values)
    for i, (system, lengths) in enumerate(values.items()):
        at = [y + (i - (len(values) - 1) / 2) * height for y in range(len(names))]
        look = {"color": COLOURS[i], "hatch": HATCHES[i % len(HATCHES)], "edgecolor": "white"}
        ax.barh(at, lengths, height, label=system, **look)  # type: ignore[arg-type]
    ax.set_yticks(range(len(names)), names, fontsize=8)
    ax.invert_yaxis()
    ax.spines[["top", "right"]].set_visible(False)
