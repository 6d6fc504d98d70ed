"""Where the boxes and lines of a plan's picture go, and how they are drawn (inches)."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path as Curve

from abgnn.data.plan import Plan
from abgnn.data.template import topological_order
from abgnn.plots.style import COLOURS, DARK, INK, PALE

BOX = (1.55, 0.62)  # width, height
GAP_X, GAP_Y, LANE = 0.75, 0.28, 0.2
Item = tuple[int, int]  # agent and layer: a box in the agent's own layer, a lane in later ones
Segment = tuple[tuple[float, float], tuple[float, float], bool]  # from, to, ends in an arrow head


class Layout:
    """Layers by longest path; lanes for messages that pass a layer; order by barycentre.

    Attributes:
        place: centre (x, y) of each agent's box.
        segments: lines per sending agent; y is 0 at half height, x from the left.
    """

    def __init__(self, plan: Plan) -> None:
        order = topological_order(len(plan.agents), plan.edges)
        self.layer = [0] * len(order)
        for v in order:
            self.layer[v] = max((self.layer[u] + 1 for u, w in plan.edges if w == v), default=0)
        count = max(self.layer) + 1
        self.width = count * BOX[0] + (count - 1) * GAP_X + 0.6
        self._y: dict[Item, float] = {}
        heights = [self._arrange(plan, k) for k in range(count)]
        self.height = max(heights)
        self.place = [(self._x(k), self._y[v, k]) for v, k in enumerate(self.layer)]
        self.segments = {u: self._lines(plan, u) for u in range(len(order))}

    def _x(self, layer: int) -> float:
        return 0.3 + BOX[0] / 2 + layer * (BOX[0] + GAP_X)

    def _arrange(self, plan: Plan, k: int) -> float:
        """Place the items of layer k, given those of layer k - 1; returns the layer's height."""
        items = {(v, k) for v, layer in enumerate(self.layer) if layer == k}
        items |= {(u, k) for u, w in plan.edges if self.layer[u] < k < self.layer[w]}
        pull = {item: self._pull(plan, item) for item in items}
        ordered = sorted(items, key=lambda item: (-pull[item], item))
        sizes = [BOX[1] + GAP_Y if self.layer[v] == k else LANE for v, _ in ordered]
        top = sum(sizes) / 2
        for item, size in zip(ordered, sizes, strict=True):
            self._y[item] = top - size / 2
            top -= size
        return sum(sizes)

    def _pull(self, plan: Plan, item: Item) -> float:
        """Mean height of what leads into an item from the layer before."""
        v, k = item
        sources = [v] if self.layer[v] < k else [u for u, w in plan.edges if w == v]
        heights = [self._y[u, k - 1] for u in sources] if k else []
        return sum(heights) / len(heights) if heights else 0.0

    def _lines(self, plan: Plan, u: int) -> list[Segment]:
        """The lane of one sender, and a branch to every reader."""
        targets = [w for v, w in plan.edges if v == u]
        last = max((self.layer[w] for w in targets), default=0)
        lines: list[Segment] = []
        for k in range(self.layer[u] + 1, last):
            lines.append((self._exit(u, k - 1), (self._x(k) - BOX[0] / 2, self._y[u, k]), False))
            lines.append(((self._x(k) - BOX[0] / 2, self._y[u, k]), self._exit(u, k), False))
        lines += [(self._exit(u, self.layer[w] - 1), self._port(plan, u, w), True) for w in targets]
        return lines

    def _exit(self, u: int, k: int) -> tuple[float, float]:
        return self._x(k) + BOX[0] / 2, self._y[u, k]

    def _port(self, plan: Plan, u: int, w: int) -> tuple[float, float]:
        """Where on the reader's left side the message of u arrives: in order of height."""
        k = self.layer[w]
        senders = sorted((v for v, t in plan.edges if t == w), key=lambda v: -self._y[v, k - 1])
        share = (senders.index(u) + 1) / (len(senders) + 1)
        return self._x(k) - BOX[0] / 2, self._y[w, k] + BOX[1] * (0.5 - share)


class Pen:
    """Draws boxes and lines on axes whose units are inches."""

    def __init__(self, ax: Axes, shift: float) -> None:
        self.ax, self.shift = ax, shift

    def lines(self, source: int, segments: Sequence[Segment]) -> None:
        """The lines of one sender, leaving and arriving horizontally."""
        colour = COLOURS[source % len(COLOURS)]
        for (x0, y0), (x1, y1), arrow in segments:
            x0, x1 = x0 + self.shift, x1 + self.shift
            middle = (x0 + x1) / 2
            points = [(x0, y0), (middle, y0), (middle, y1), (x1, y1)]
            codes = [Curve.MOVETO, Curve.CURVE4, Curve.CURVE4, Curve.CURVE4]
            style = "-|>,head_length=4,head_width=2" if arrow else "-"
            patch = FancyArrowPatch(
                path=Curve(points, codes), arrowstyle=style, color=colour, linewidth=1.2
            )
            self.ax.add_patch(patch)

    def box(self, place: tuple[float, float], role: str, backbone: str, *, dark: bool) -> None:
        """One agent: its role above its backbone."""
        x, y = place[0] + self.shift, place[1]
        corner = (x - BOX[0] / 2, y - BOX[1] / 2)
        face, text = (DARK, "white") if dark else (PALE, INK)
        patch = FancyBboxPatch(
            corner, *BOX, boxstyle="round,pad=0,rounding_size=0.08", facecolor=face, edgecolor=text
        )
        self.ax.add_patch(patch)
        lines = [*textwrap.wrap(role, 20)[:2]], textwrap.wrap(backbone, 24)[:2]
        step = 0.135
        height = y + step * (len(lines[0]) + len(lines[1]) - 1) / 2
        for part, size, weight in zip(lines, (8, 7), ("bold", "normal"), strict=True):
            for line in part:
                self.ax.text(
                    x,
                    height,
                    line,
                    ha="center",
                    va="center",
                    fontsize=size,
                    weight=weight,
                    color=text,
                )
                height -= step
