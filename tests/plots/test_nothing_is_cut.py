"""No part of any picture lies outside of it: whole names, whole legends, whole tick labels."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import abgnn.plots
from abgnn.data.backbone import Usage
from abgnn.data.outcome import Outcome
from abgnn.data.plan import Agent, Plan
from abgnn.data.query import Query
from abgnn.data.template_yaml import load_roles
from abgnn.experiments.quickstart.rivals import METHODS
from abgnn.planning.belief_table import BeliefTable
from abgnn.planning.closed_loop.decision_graph import DecisionGraph, DecisionNode
from abgnn.plots.answer import Dot, answer_figure
from abgnn.plots.beliefs import beliefs_figure, bills_figure
from abgnn.plots.cases import draw_cases
from abgnn.plots.curves import bars_figure, curves_figure, intervals_figure
from abgnn.plots.decision_graph import draw_decision_graph
from abgnn.plots.explain import draw_explanation
from abgnn.plots.frontier import draw_frontiers, draw_plan
from abgnn.plots.inductive import draw_inductive
from abgnn.plots.pools import draw_pools
from abgnn.plots.reliability import reliability_figure
from abgnn.pools.build import build_pools

LONG = "a-maker/an-LLM-with-a-very-long-name-480b-a35b-thinking"
NAMES = [f"{LONG}-{k}" for k in range(9)]
SERIES = {f"{LONG}, {k}": [(1e-3 * 3**k, 0.1 + k / 10), (1.0, 0.9)] for k in range(9)}
ARRAYS = {name: np.array(points) for name, points in SERIES.items()}
WIDE = {f"{k}{'W' * (k + 1) * 17}": np.array([(1.0, 0.8)]) for k in range(7)}
QUICKSTART = {m.rstrip("*"): np.array([(2e-1 * (k + 1), 0.8)]) for k, m in enumerate(METHODS)}


def plan(n: int) -> Plan:
    agents = tuple(Agent(role, LONG) for role in load_roles("general")[:n])
    edges = tuple((u, v) for v in range(n) for u in range(v))
    return Plan(Query("q", "Why? " * 60, "general"), agents, edges, decision=n - 1, rounds=2)


def beliefs() -> BeliefTable:
    rising = np.linspace(0.1, 0.9, len(NAMES))
    return BeliefTable(LONG, LONG, tuple(NAMES), rising, rising, rising - 0.1, rising + 0.1,
                       10.0 ** -np.arange(9), 10.0 ** np.arange(9), np.arange(9))  # fmt: skip


def graph() -> DecisionGraph:
    nodes = tuple(DecisionNode(f"ask {NAMES[k][-24:]}", k > 0, 1 / (k + 1), k) for k in range(4))
    return DecisionGraph(nodes, tuple((0, k, "a new answer") for k in range(1, 4)))


def outcome() -> Outcome:
    return Outcome(plan(5), "42", 1.0, Usage(), 0.001, 1.0, 1.0, ())


def _inductive(path: Path) -> None:
    keys = [(s, c) for s in ("AgentBalance", "MasRouter") for c in ("all", "new", "small")]
    used = {key: dict.fromkeys(NAMES[:5], 0.2) for key in keys}
    areas = {key: {"narrow_tok": 0.812, "narrow_lat": 0.933} for key in keys}
    draw_inductive(used, areas, path, simulated=True)


def _frontiers(path: Path, series: Any, latency: Any = None) -> None:
    draw_frontiers(series, latency, path, title=f"What money buys: {LONG} " * 2, simulated=True,
                   cost_unit="mUSD", performance_label="accuracy", log_x=True)  # fmt: skip


def _pools(path: Path, count: int) -> None:
    rng = np.random.default_rng(0)
    perf, cost, wait = rng.random((3, 9)) + 0.01
    draw_pools(build_pools(NAMES, perf, cost, wait, n_pools=count), path, title=LONG)


DOTS = [[Dot(10.0**k, 0.5, 0.2, 0.9)] for k in range(5)]
PICTURES: dict[str, Callable[[Path], Figure | Path | None]] = {
    "answer_figure": lambda _: answer_figure(DOTS, 3.0, "mUSD"),
    "answer_figure, one point": lambda _: answer_figure([DOTS[0], [], [], [], []], None, "mUSD"),
    "bars_figure": lambda _: bars_figure(
        {name: k for k, name in enumerate(NAMES)}, "USD", 9 * ["0.00123"]
    ),
    "beliefs_figure": lambda _: beliefs_figure(beliefs()),
    "bills_figure": lambda _: bills_figure(beliefs()),
    "curves_figure": lambda _: curves_figure(ARRAYS, "latency in seconds, mean per query"),
    "draw_cases": lambda path: draw_cases(
        {"Why? " * 90: {name: (outcome(), "right, 0.001 mUSD, 20 s") for name in NAMES[:2]}},
        path, simulated=True,
    ),
    "draw_decision_graph": lambda path: draw_decision_graph(graph(), path, LONG, simulated=True),
    "draw_explanation": lambda path: draw_explanation(
        path, LONG * 3, NAMES, ("performance", "type"), np.eye(9)[:, :2],
        [(f"{LONG}{k}", "performance", 0.1 * k - 0.3) for k in range(8)], simulated=True,
    ),
    "draw_frontiers": lambda path: _frontiers(path, ARRAYS, ARRAYS),
    "draw_frontiers, one panel": lambda path: _frontiers(path, ARRAYS),
    "draw_frontiers, wide letters": lambda path: _frontiers(path, WIDE),
    "draw_frontiers, of the quickstart": lambda path: _frontiers(path, QUICKSTART),
    "draw_inductive": _inductive,
    "draw_plan": lambda _: draw_plan(plan(1), simulated=True),
    "draw_plan, a team": lambda _: draw_plan(plan(7), simulated=True),
    "draw_pools": lambda path: _pools(path, 3),
    "draw_pools, one": lambda path: _pools(path, 1),
    "intervals_figure": lambda _: intervals_figure([(LONG, 0.5, 0.2, 0.9)], "in shares of it"),
    "reliability_figure": lambda _: reliability_figure([0.1, 0.5, 0.9], [0.0, 0.5, 1.0]),
}  # fmt: skip


def functions() -> Iterator[str]:
    """Public functions of the room that make pictures."""
    for module in pkgutil.iter_modules(abgnn.plots.__path__):
        home = importlib.import_module(f"abgnn.plots.{module.name}")
        for name, value in vars(home).items():
            own = inspect.isfunction(value) and value.__module__ == home.__name__
            own = own and name != "log_figure"  # which hands one on
            if own and name.startswith(("draw_", "answer_")) | name.endswith("_figure"):
                yield name


def test_every_picture_is_tried() -> None:
    """A new one needs an entry in `PICTURES`."""
    assert set(functions()) == {name.partition(",")[0] for name in PICTURES}


@pytest.mark.parametrize("name", PICTURES)
def test_nothing_is_outside(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Figure] = []
    save = Figure.savefig

    def keep(figure: Figure, *args: Any, **kwargs: Any) -> None:
        save(figure, *args, **kwargs)
        kept.append(figure)

    monkeypatch.setattr(Figure, "savefig", keep)
    made = PICTURES[name](tmp_path / "a.png")
    [figure] = kept or [made]
    assert isinstance(figure, Figure)
    for dpi in (72, 160):  # of SVG, of a picture
        figure.set_dpi(dpi)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        taken = figure.get_tightbbox(canvas.get_renderer())  # inches
        wide, high = figure.get_size_inches()
        outside = np.array([-taken.x0, -taken.y0, taken.x1 - wide, taken.y1 - high])
        assert outside.max() < 0.03, f"left, bottom, right, top: {outside.round(2)} inches"
