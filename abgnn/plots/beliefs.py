"""Figures of what the outcome model believes."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from abgnn.planning.belief_table import BeliefTable
from abgnn.plots.style import COLOURS, WIDTH, log_axis, short, style


def beliefs_figure(beliefs: BeliefTable) -> Figure:
    """Accuracy of each backbone alone: published (hollow), calibrated (filled) with its 90 %."""
    order = np.argsort(beliefs.accuracy, kind="stable")
    y = np.arange(len(order))
    with style():
        figure = Figure(figsize=(WIDTH, 1.3 + 0.27 * len(order)), layout="constrained")
        axes = figure.subplots()
        spread = (beliefs.accuracy - beliefs.low, beliefs.high - beliefs.accuracy)
        axes.errorbar(
            beliefs.accuracy[order], y, xerr=np.clip(np.array(spread)[:, order], 0, None), fmt="o",
            color=COLOURS[0], capsize=3, markersize=5, label="calibrated, 90 %",
        )  # fmt: skip
        axes.plot(
            beliefs.published[order], y, "D", markerfacecolor="white", markeredgecolor=COLOURS[1],
            markersize=5, label="published",
        )  # fmt: skip
        axes.set_yticks(y, [short(beliefs.names[m]) for m in order])
        axes.set_xlabel("accuracy alone")
        axes.grid(axis="x")
        figure.suptitle(f"what the model believes ({short(beliefs.label)})", fontsize=9)
        figure.legend(loc="outside lower center", ncols=2, frameon=False)
    return figure


def bills_figure(beliefs: BeliefTable) -> Figure:
    """Dollars and seconds of a call of each backbone, logarithmic; ordered as the beliefs."""
    order = np.argsort(beliefs.accuracy, kind="stable")
    y = np.arange(len(order))
    with style():
        figure = Figure(figsize=(WIDTH, 1.3 + 0.27 * len(order)), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True)
        for axes, values, marker, unit in (
            (left, 1e3 * beliefs.usd, "s", "mUSD a call"),
            (right, beliefs.seconds, "^", "seconds a call"),
        ):
            axes.plot(values[order], y, marker, color=COLOURS[0], markersize=5)
            wide = values.max() > 20 * values.min()
            log_axis(axes, subs=(1.0,) if wide else (1.0, 2.0, 5.0))
            axes.set_xlabel(unit)
            axes.grid(axis="x")
        left.set_yticks(y, [short(beliefs.names[m]) for m in order])
        figure.suptitle(f"what a call takes ({short(beliefs.label)})", fontsize=9)
    return figure
