"""Frontiers by hand, and the properties that every set of points must satisfy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abgnn.errors import ConfigError
from abgnn.evaluation.frontier import (
    area_under_curve,
    narrow_area,
    performance_at,
    upper_envelope,
)

Pairs = list[tuple[float, float]]
POINTS: Pairs = [(1.0, 0.4), (2.0, 0.5), (3.0, 0.8), (5.0, 0.6)]


def test_the_envelope_skips_what_lies_below() -> None:
    # (2, .5) lies under the line from (1, .4) to (3, .8); the fall after the peak belongs to it
    assert upper_envelope(POINTS).tolist() == [[1.0, 0.4], [3.0, 0.8], [5.0, 0.6]]


def test_the_envelope_of_unsorted_points_doubled_budgets_and_straight_lines() -> None:
    points = [(2, 0.25), (1, 0.125), (0, 0), (2, 0.5), (2, 0.5), (4, 0.75), (3, 0.625)]
    assert upper_envelope(points).tolist() == [[0.0, 0.0], [2.0, 0.5], [4.0, 0.75]]
    assert upper_envelope([(1.0, 0.5)]).tolist() == [[1.0, 0.5]]


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        (0.0, 0.0),
        (0.5, 0.2),  # from the anchor (0, 0) to (1, .4)
        (1.0, 0.4),
        (2.0, 0.6),  # not the measured .5: half of (1, .4) and half of (3, .8)
        (2.5, 0.7),
        (3.0, 0.8),
        (4.0, 0.8),  # the budget need not be spent
        (99.0, 0.8),
    ],
)
def test_performance_at_a_budget(budget: float, expected: float) -> None:
    assert performance_at(POINTS, budget) == pytest.approx(expected)


def test_the_anchor_counts_and_can_be_left_out() -> None:
    steep: Pairs = [(1.0, 0.1), (2.0, 0.8)]  # (1, .1) lies below the line from the origin
    assert performance_at(steep, 1.0) == pytest.approx(0.4)
    assert performance_at(steep, 1.0, anchor=False) == pytest.approx(0.1)
    assert performance_at(steep, 0.9, anchor=False) == 0.0
    assert performance_at([(0.0, 0.3), (1.0, 0.5)], 0.0) == 0.3  # better than nothing for nothing


def test_appendix_d_by_hand() -> None:
    # Envelope with (0, 0) and base (4, .9): (0, 0), (1, .4), (3, .8), (4, .9).
    expected = 0.2 + 2 * 0.6 + 0.85
    assert area_under_curve(POINTS, (4.0, 0.9)) == pytest.approx(expected)
    # Base (4, .5) lies below the fall from (3, .8) to (5, .6), which is cut at (4, .7).
    assert area_under_curve(POINTS, (4.0, 0.5)) == pytest.approx(0.2 + 1.2 + 0.75)
    # A window that ends between two vertices is cut at (2, .6).
    assert area_under_curve(POINTS, (2.0, 0.0)) == pytest.approx(0.2 + 0.5)


def test_two_methods_with_crossing_frontiers() -> None:
    """Neither was measured at the budgets asked for, and their order changes in between."""
    cheap: Pairs = [(1.0, 0.6), (4.0, 0.66)]
    strong: Pairs = [(2.0, 0.5), (3.0, 0.9)]
    # strong: (2, .5) lies below the line from (0, 0) to (3, .9), on which (1.5, .45) lies
    assert performance_at(cheap, 1.5) == pytest.approx(0.61)
    assert performance_at(strong, 1.5) == pytest.approx(0.45)
    assert performance_at(cheap, 2.5) == pytest.approx(0.63)
    assert performance_at(strong, 2.5) == pytest.approx(0.75)
    # Up to 2.5: cheap .3 + 1.5 * (.6 + .63) / 2; strong a triangle of 2.5 * .75 / 2.
    assert narrow_area(cheap, 2.5) == pytest.approx(1.2225)
    assert narrow_area(strong, 2.5) == pytest.approx(0.9375)
    # Appendix D with the base at (5, .9). cheap: the line (1, .6) to (5, .9) passes over
    # (4, .66); strong: flat after its peak.
    assert area_under_curve(cheap, (5.0, 0.9)) == pytest.approx(0.3 + 4 * 0.75)
    assert area_under_curve(strong, (5.0, 0.9)) == pytest.approx(1.35 + 2 * 0.9)


def test_the_narrow_window_takes_the_methods_own_value_at_its_right_end() -> None:
    assert narrow_area(POINTS, 2.0) == pytest.approx(0.2 + 0.5)
    assert narrow_area(POINTS, 10.0) == pytest.approx(0.2 + 1.2 + 7 * 0.8)  # flat after the peak
    assert narrow_area(POINTS, 10.0, normalise=True) == pytest.approx(0.7)


@pytest.mark.parametrize(
    "points",
    [[], [(1.0, float("nan"))], [(float("inf"), 0.5)], [(-0.1, 0.5)], [1.0, 2.0], [(1, 2, 3)]],
)
def test_faulty_points_are_refused(points: Any) -> None:
    for function in (
        upper_envelope,
        lambda p: performance_at(p, 1.0),
        lambda p: area_under_curve(p, (1.0, 1.0)),
        lambda p: narrow_area(p, 1.0),
    ):
        with pytest.raises(ConfigError, match="points: got"):
            function(points)


def test_faulty_budgets_are_refused() -> None:
    for budget in (-1.0, float("nan")):
        with pytest.raises(ConfigError, match="budget: got"):
            performance_at(POINTS, budget)
    for right in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match="right: got"):
            narrow_area(POINTS, right)
    for base in ((0.0, 0.5), (float("nan"), 0.5), (-1.0, 0.5)):
        with pytest.raises(ConfigError, match="base_point: got"):
            area_under_curve(POINTS, base)


pairs = st.tuples(st.integers(0, 40).map(lambda x: x / 4), st.integers(0, 20).map(lambda x: x / 20))
scatters = st.lists(pairs, min_size=1, max_size=12)


@given(scatters)
def test_the_envelope_is_concave_above_all_points_and_made_of_them(points: Pairs) -> None:
    envelope = upper_envelope(points)
    assert (np.diff(envelope[:, 0]) > 0).all()
    slopes = np.diff(envelope[:, 1]) / np.diff(envelope[:, 0])
    assert (np.diff(slopes) < 1e-12).all()
    for budget, performance in points:
        assert np.interp(budget, *envelope.T) >= performance - 1e-12
    assert {tuple(vertex) for vertex in envelope.tolist()} <= set(points)


@given(scatters, pairs, st.floats(0, 12), st.tuples(st.floats(0.5, 12), st.floats(0, 1)))
def test_another_point_never_lowers_anything(
    points: Pairs, extra: tuple[float, float], budget: float, base: tuple[float, float]
) -> None:
    more = [*points, extra]
    assert performance_at(more, budget) >= performance_at(points, budget) - 1e-9
    assert area_under_curve(more, base) >= area_under_curve(points, base) - 1e-9
    assert narrow_area(more, base[0]) >= narrow_area(points, base[0]) - 1e-9


@given(scatters, st.floats(0, 12), st.floats(0, 12))
def test_a_larger_budget_never_performs_worse(points: Pairs, one: float, other: float) -> None:
    less, more = sorted((one, other))
    assert performance_at(points, less) <= performance_at(points, more) + 1e-12


@given(scatters, st.floats(0.1, 12))
def test_the_narrow_area_is_the_integral_of_performance(points: Pairs, right: float) -> None:
    grid = np.linspace(0, right, 801)
    values = [performance_at(points, b) for b in (grid[1:] + grid[:-1]) / 2]
    assert narrow_area(points, right, normalise=True) == pytest.approx(np.mean(values), abs=2e-3)
