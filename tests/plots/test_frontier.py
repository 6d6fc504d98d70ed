"""Pictures: what is simulated says so, every method and agent is in, faults are named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from abgnn.data.query import Query
from abgnn.data.template_yaml import load_roles
from abgnn.errors import ConfigError
from abgnn.plots.frontier import draw_frontiers, draw_plan
from abgnn.rollout import Agent, Plan

POINTS = {"ours": [(1e-4, 0.6), (1e-3, 0.8)], "single LLM": [(2e-4, 0.5), (2e-3, 0.85)]}


def texts(figure: Figure) -> list[str]:
    return [str(t.get_text()) for t in figure.findobj(Text)]


def plan(n: int) -> Plan:
    roles = load_roles("general")
    agents = tuple(Agent(role, f"b{i}") for i, role in enumerate(roles[:n]))
    edges = tuple((u, v) for v in range(n) for u in range(v))
    return Plan(Query("q", "Why?", "general"), agents, edges, decision=n - 1)


@pytest.mark.parametrize("n", [1, 2, 7])
@pytest.mark.parametrize("simulated", [True, False])
def test_plan_shows_every_agent_and_says_simulated(n: int, simulated: bool) -> None:
    shown = texts(draw_plan(plan(n), simulated=simulated))
    for agent in plan(n).agents:
        assert agent.backbone in shown
        assert any(agent.role.name in t.replace("\n", " ") for t in shown)
    assert ("simulated" in shown) == simulated


@pytest.mark.parametrize("log_x", [True, False])
def test_frontiers_are_written_and_differ_with_the_label(tmp_path: Path, log_x: bool) -> None:
    arrays = {name: np.array(p) for name, p in POINTS.items()}
    options = {"title": "t", "log_x": log_x}
    a = draw_frontiers(arrays, arrays, tmp_path / "a.png", simulated=True, **options)  # type: ignore[arg-type]
    b = draw_frontiers(arrays, arrays, tmp_path / "b.png", simulated=False, **options)  # type: ignore[arg-type]
    assert a.read_bytes()[:4] == b"\x89PNG"
    assert a.read_bytes() != b.read_bytes()


def test_one_panel_has_a_legend_that_is_not_cut_and_ours_in_front(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Figure] = []
    save = Figure.savefig

    def keep(figure: Figure, *args: Any, **kwargs: Any) -> None:
        save(figure, *args, **kwargs)
        kept.append(figure)

    monkeypatch.setattr(Figure, "savefig", keep)
    names = ["ours", *(f"another method with a long name {i}" for i in range(6))]
    series = dict.fromkeys(names, POINTS["ours"])
    draw_frontiers(
        series, None, tmp_path / "a.png", title="t", simulated=True, front="ours", log_x=True
    )
    [figure] = kept
    assert len(figure.axes) == 1
    box, page = figure.legends[0].get_window_extent(), figure.bbox
    assert page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0  # noqa: PT018
    order = {str(line.get_label()): line.get_zorder() for line in figure.axes[0].lines}
    assert order["ours"] > max(order[name] for name in names[1:])


def test_nothing_to_draw_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="at least one method"):
        draw_frontiers({}, {}, tmp_path / "a.png", title="t", simulated=True)
