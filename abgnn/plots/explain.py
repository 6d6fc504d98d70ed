"""What an agent's gate depends on: a table of agents and parts in shades, and bars of words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

from abgnn.data.arrays import Array
from abgnn.plots.frontier import stamp
from abgnn.plots.style import COLOURS, INK, short, style


def draw_explanation(
    path: str | Path,
    title: str,
    agents: Sequence[str],
    parts: Sequence[str],
    weight: Array,
    words: Sequence[tuple[str, str, float]],
    *,
    simulated: bool,
) -> Path:
    """Write the picture; the ending says the format.

    Args:
        path: where to.
        title: what is explained.
        agents, parts: rows and columns of the table; weight: its cells, `[N, P]`.
        words: (word, part, what the logit loses without it), the largest first.
        simulated: writes so, visibly.
    """
    with style():
        high = 1.7 + 0.3 * max(len(agents), len(words))
        figure = Figure(
            figsize=(9.5, high), layout=ConstrainedLayoutEngine(rect=(0, 0, 1, 1 - 0.45 / high))
        )
        table, bars = figure.subplots(1, 2, width_ratios=(1.1, 1.0))
        table.imshow(weight, cmap="Blues", aspect="auto", vmin=0, vmax=max(weight.max(), 1e-9))
        for (i, k), value in np.ndenumerate(weight):
            dark = value > 0.6 * weight.max()
            table.text(k, i, f"{value:.2f}", ha="center", va="center", fontsize=8,
                       color="white" if dark else INK)  # fmt: skip
        table.set_xticks(range(len(parts)), parts, fontsize=7)
        table.set_yticks(range(len(agents)), [short(name, 40) for name in agents], fontsize=8)
        table.set_title("mask by agent and part of its features", fontsize=9)
        y = np.arange(len(words))
        loss = [value for *_, value in words]
        bars.barh(y, loss, color=[COLOURS[0] if v > 0 else COLOURS[1] for v in loss])
        bars.set_yticks(y, [short(f"{word} ({part})", 34) for word, part, _ in words], fontsize=8)
        bars.invert_yaxis()
        bars.xaxis.set_major_locator(MaxNLocator(4))
        bars.axvline(0, color=INK, linewidth=0.8)
        bars.set_xlabel("logit lost without the word")
        bars.set_title("words of its LLM's profile", fontsize=9)
        top = 1 - 0.1 / high
        figure.text(0.012, top, short(title, 80), va="top", fontsize=11, weight="bold")
        if simulated:
            stamp(figure, 0.988, top)
        figure.savefig(path, dpi=130)
    return Path(path)
