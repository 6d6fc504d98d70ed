"""A closed loop's decision graph as a picture: depth to the right, branches below each other."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from abgnn.planning.closed_loop.decision_graph import DecisionGraph
from abgnn.plots.frontier import stamp
from abgnn.plots.style import DARK, FILL, INK, PALE, style

WIDE, TALL, BOX, HEIGHT, HEAD = 3.8, 0.62, 2.1, 0.44, 0.5  # inches


def draw_decision_graph(
    graph: DecisionGraph, path: str | Path, title: str = "", *, simulated: bool = False
) -> Path:
    """Write the picture; the ending says the format (`.svg`, `.png`).

    Args:
        graph: of one question.
        path: where to.
        title: above it.
        simulated: writes so, visibly.
    """
    rows = _rows(graph)
    depth = max(_levels(graph))
    width, height = BOX + depth * WIDE + 0.4, HEAD + (max(rows) + 1) * TALL
    with style():
        figure = Figure(figsize=(width, height))
        ax = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
        ax.set_axis_off()
        ax.text(0.2, 0.25, title, fontsize=10, weight="bold", va="center", color=INK)
        at = [
            (0.2 + d * WIDE, HEAD + (r + 0.5) * TALL)
            for d, r in zip(_levels(graph), rows, strict=True)
        ]
        for u, v, label in graph.edges:
            (x, y), (x2, y2) = at[u], at[v]
            share = graph.nodes[v].chance / max(graph.nodes[u].chance, 1e-12)
            ax.plot([x + BOX, x2], [y, y2], color=DARK, lw=0.6 + 2.4 * share, zorder=1)
            said = f"{label}, {share:.0%}"
            white = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
            ax.text((x + BOX + x2) / 2, (y + y2) / 2, said, fontsize=6.5,
                    ha="center", va="center", color=INK, bbox=white, zorder=2)  # fmt: skip
        for (x, y), node in zip(at, graph.nodes, strict=True):
            box = FancyBboxPatch((x, y - HEIGHT / 2), BOX, HEIGHT, "round,pad=0.02",
                                 facecolor=PALE if node.stops else FILL, edgecolor=DARK, lw=0.8,
                                 zorder=3)  # fmt: skip
            ax.add_patch(box)
            ax.text(x + BOX / 2, y, node.text, fontsize=7, ha="center", va="center", zorder=4)
        if simulated:
            stamp(figure, 1 - 0.15 / width, 1 - 0.12 / height)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=130)
    return Path(path)


def _levels(graph: DecisionGraph) -> list[int]:
    """Decisions before each node."""
    level = [0] * len(graph.nodes)
    for u, v, _ in graph.edges:
        level[v] = level[u] + 1
    return level


def _rows(graph: DecisionGraph) -> list[float]:
    """Ends below each other, other nodes in the middle of what follows them."""
    following: dict[int, list[int]] = {}
    for u, v, _ in graph.edges:
        following.setdefault(u, []).append(v)
    row = [0.0] * len(graph.nodes)
    taken = 0
    for i in range(len(graph.nodes)):  # in the order of visits: ends come up from the top
        if i not in following:
            row[i], taken = float(taken), taken + 1
    for i in reversed(range(len(graph.nodes))):
        if i in following:
            row[i] = sum(row[v] for v in following[i]) / len(following[i])
    return row
