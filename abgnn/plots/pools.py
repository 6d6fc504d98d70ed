"""A picture of the pools: performance against cost and against latency. Writes one image."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon
from matplotlib.patheffects import withStroke
from matplotlib.text import Annotation
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from matplotlib.transforms import Bbox

from abgnn.data.arrays import Array
from abgnn.plots.style import Look
from abgnn.pools.build import Pools

# Where a label may go, from its point: right, left, above, below, then the corners.
_SIDES = ((1, 0), (-1, 0), (0, 1), (0, -1), (0.8, 1), (0.8, -1), (-0.8, 1), (-0.8, -1))


def draw_pools(pools: Pools, path: str | Path, *, title: str = "") -> Path:
    """Draw pools as outlines of colour, marker and line style; dominated backbones are hollow.

    Args:
        pools: the tiers with their triples.
        path: the image to write; its ending picks the format, its folder is made.
        title: above the panels.
    """
    figure = Figure(figsize=(12.5, 5.6), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, sharey=True)
    for axes, values, label in (
        (left, 1000 * pools.cost, "cost of 1000 calls, USD (log)"),
        (right, pools.latency, "latency of one call, s (log)"),
    ):
        _points(axes, pools, values)
        _scales(axes, values, pools.perf, label)
    left.set_ylabel("performance (mean published score)")
    figure.legend(handles=_legend(pools), loc="outside lower center", ncols=6, frameon=False)
    if title:
        figure.suptitle(title)
    figure.canvas.draw()  # settles the layout, which outlines and labels are measured in
    figure.set_layout_engine("none")
    for axes, values in ((left, 1000 * pools.cost), (right, pools.latency)):
        xy = axes.transData.transform(np.stack([values, pools.perf], axis=1))  # [M, 2] pixels
        _outlines(axes, pools, xy)
        _labels(axes, pools.names, xy)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    return Path(path)


def _points(axes: Axes, pools: Pools, values: Array) -> None:
    """One marker per pool that a backbone is in, nested; hollow where it is in none."""
    for i, (x, y) in enumerate(zip(values, pools.perf, strict=True)):
        within = np.flatnonzero(pools.mask[:, i]).tolist()
        if not within:
            axes.plot(x, y, "o", color="0.45", mfc="white", ms=7, mew=1.3, zorder=3)
        for depth, p in enumerate(reversed(within)):
            size = 7 + 4.5 * (len(within) - 1 - depth)
            look = Look.of(p)
            axes.plot(x, y, look.marker, color=look.colour, mec="white", ms=size, mew=0.8, zorder=3)


def _scales(
    axes: Axes,
    values: Array,
    perf: Array,
    label: str,
) -> None:
    axes.set_xscale("log")
    wide = max(float(values.max() / values.min()), 2.0)
    axes.set_xlim(values.min() / wide**0.16, values.max() * wide**0.38)
    high = max(float(np.ptp(perf)), 0.02)
    axes.set_ylim(perf.min() - 0.12 * high, perf.max() + 0.12 * high)
    subs = (1.0,) if wide > 1e4 else (1.0, 2.0, 5.0)
    axes.xaxis.set_major_locator(LogLocator(subs=subs, numticks=20))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(label)
    axes.set_axisbelow(True)
    axes.grid(True, which="major", color="0.92")
    axes.spines[["top", "right"]].set_visible(False)


def _legend(pools: Pools) -> list[Line2D]:
    handles = []
    for p in range(len(pools)):
        look, end = Look.of(p), {0: " (weak)", len(pools) - 1: " (strong)"}.get(p, "")
        end = end if len(pools) > 1 else ""
        handles.append(
            Line2D(
                [], [], color=look.colour, marker=look.marker, ls=look.line, label=f"pool {p}{end}"
            )
        )
    left_out = ~pools.mask.any(0)
    if left_out.any():
        name = "in no pool" if (left_out & pools.front).any() else "dominated, in no pool"
        handles.append(Line2D([], [], color="0.45", marker="o", mfc="white", ls="", label=name))
    return handles


def _outlines(axes: Axes, pools: Pools, xy: Array) -> None:
    """Per pool the convex hull of discs round its members; radii differ, so none hides another."""
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)  # [40, 2]
    for p, members in enumerate(pools.members):
        discs = (xy[list(members)][:, None] + circle * (15 + 3.5 * p)).reshape(-1, 2)
        hull = discs[import_module("scipy.spatial").ConvexHull(discs).vertices]
        corners = axes.transData.inverted().transform(hull)
        look = Look.of(p)
        axes.add_patch(Polygon(corners, fc=look.colour, ec="none", alpha=0.07, zorder=1))
        axes.add_patch(Polygon(corners, fc="none", ec=look.colour, ls=look.line, lw=1.4, zorder=1))


def _labels(axes: Axes, names: tuple[str, ...], xy: Array) -> None:
    """Names beside their points, each where it covers least of labels and points so far."""
    taken = [Bbox.from_bounds(x - 9, y - 9, 18, 18) for x, y in xy]
    frame, dpi = axes.get_window_extent(), axes.figure.dpi
    for i in np.argsort(xy[:, 1]).tolist():
        label = _label(axes, names[i], xy[i])
        size = np.array(label.get_window_extent().size)  # [2] pixels
        shifts = [np.array(side) * (size / 2 + gap) for gap in (17, 25, 38, 55) for side in _SIDES]
        boxes = [Bbox([xy[i] + s - size / 2, xy[i] + s + size / 2]) for s in shifts]
        costs = [
            _covered(box, taken, frame) + 500 * _astray(box, xy, i) + 0.5 * n
            for n, box in enumerate(boxes)
        ]
        best = int(np.argmin(costs))
        x, y = shifts[best] * 72 / dpi
        label.set_position((x, y))
        if label.arrow_patch is not None:
            label.arrow_patch.set_visible(best >= 2 * len(_SIDES))
        taken.append(boxes[best])


def _label(axes: Axes, name: str, at: Array) -> Annotation:
    """A name with a leader to its point, for now centred on it; offsets are in points."""
    x, y = axes.transData.inverted().transform(at)
    return axes.annotate(
        name,
        (x, y),
        (0, 0),
        textcoords="offset points",
        ha="center",
        va="center",
        fontsize=8,
        zorder=4,
        path_effects=[withStroke(linewidth=2.5, foreground="white", alpha=0.85)],
        arrowprops={"arrowstyle": "-", "color": "0.6", "lw": 0.6},
    )


def _covered(box: Bbox, taken: list[Bbox], frame: Bbox) -> float:
    """Square pixels of other things that a label would cover; outside the frame weighs most."""
    overlaps = (Bbox.intersection(box, other) for other in taken)
    area = sum(o.width * o.height for o in overlaps if o is not None)
    inside = Bbox.intersection(box, frame)
    hidden = box.width * box.height - (inside.width * inside.height if inside else 0.0)
    return float(area + 10 * hidden)


def _astray(box: Bbox, xy: Array, i: int) -> bool:
    """Whether a label at `box` lies nearer to another point than to point i."""
    corner = np.clip(xy, [box.x0, box.y0], [box.x1, box.y1])  # [M, 2], nearest in the box
    return int(np.linalg.norm(xy - corner, axis=1).argmin()) != i
