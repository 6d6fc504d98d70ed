"""Performance-budget frontiers: P@T, P@L and areas (paper section 4.1, Appendix D). Numpy only.

Points are (budget, performance) pairs, array-like [J, 2]: what one method reached at its operating
points. The budget's unit (USD or seconds, a total or a mean per query) is the caller's, and areas
are in units of budget times performance.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from abgnn.errors import ConfigError

Points = NDArray[np.float64]

ORIGIN = (0.0, 0.0)


def upper_envelope(points: ArrayLike) -> Points:
    """Vertices [K, 2] of the upper concave envelope, budgets strictly increasing.

    Of equal budgets the best performance counts; points on a straight stretch are no vertices.

    Raises:
        ConfigError: no points, not pairs, a NaN or infinity, a negative budget.
    """
    checked = _checked(points)
    order = np.lexsort((-checked[:, 1], checked[:, 0]))
    hull: list[tuple[float, float]] = []
    for x, y in checked[order].tolist():
        if hull and hull[-1][0] == x:
            continue
        while len(hull) > 1 and _turns_up(hull[-2], hull[-1], (x, y)):
            hull.pop()
        hull.append((x, y))
    return np.array(hull)


def performance_at(points: ArrayLike, budget: float, *, anchor: bool = True) -> float:
    """The performance reachable within a budget: P@T or P@L (Eq. 12).

    Linear interpolation on the envelope of the points and the anchor (0, 0): a mixture of two
    operating points costs and performs in proportion. A budget need not be spent: beyond the best
    vertex its performance stays. Without the anchor, a budget below the cheapest point buys
    nothing: 0.

    Raises:
        ConfigError: faulty points (see `upper_envelope`), a negative or NaN budget.
    """
    if not budget >= 0:
        raise ConfigError("budget", budget, "a number from 0")
    frontier = _attainable(points, anchor=anchor)
    return float(np.interp(budget, frontier[:, 0], frontier[:, 1], left=0.0))


def area_under_curve(points: ArrayLike, base_point: ArrayLike) -> float:
    """The area under a method's frontier as the paper has it (Appendix D).

    The frontier is the envelope of the points, the anchor (0, 0) and the base MAS's point, which
    also bounds the window [0, base budget]; what lies beyond is cut by interpolation at it.

    Args:
        points: [J, 2] of the method.
        base_point: (budget, performance) of the base MAS, the same for all methods compared.

    Raises:
        ConfigError: faulty points (see `upper_envelope`), a base budget that is not positive.
    """
    base = _checked(np.atleast_2d(np.asarray(base_point)), "base_point")
    frontier = upper_envelope(np.concatenate([_checked(points), base, [ORIGIN]]))
    return _area(frontier, _positive(float(base[0, 0]), "base_point"))


def narrow_area(points: ArrayLike, right: float, *, normalise: bool = False) -> float:
    """The area under `performance_at` from 0 to `right`: no base point, the method's own value.

    Appendix D's wide window is dominated by the base point, which all methods share; this one
    shows where they differ. Normalised (divided by `right`) it is the mean performance.

    Raises:
        ConfigError: faulty points (see `upper_envelope`), a right end that is not positive.
    """
    area = _area(_attainable(points), _positive(right, "right"))
    return area / right if normalise else area


def _attainable(points: ArrayLike, *, anchor: bool = True) -> Points:
    """The envelope up to its best vertex, from the anchor on."""
    checked = _checked(points)
    vertices = upper_envelope(np.concatenate([checked, [ORIGIN]]) if anchor else checked)
    return vertices[: int(vertices[:, 1].argmax()) + 1]


def _area(frontier: Points, right: float) -> float:
    """Trapezoids from 0 to `right` under vertices that start at 0; flat beyond the last one."""
    budget, performance = frontier[:, 0], frontier[:, 1]
    x = np.append(budget[budget < right], right)
    y = np.interp(x, budget, performance)
    return float((np.diff(x) * (y[1:] + y[:-1])).sum() / 2)


def _turns_up(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> bool:
    """Whether b lies on or below the straight line from a to c."""
    return (b[1] - a[1]) * (c[0] - a[0]) <= (c[1] - a[1]) * (b[0] - a[0])


def _checked(points: ArrayLike, field: str = "points") -> Points:
    array = np.asarray(points, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != 2 or not len(array):
        raise ConfigError(field, array.shape, "at least one (budget, performance) pair")
    if not np.isfinite(array).all():
        raise ConfigError(field, array.tolist(), "finite numbers")
    if (array[:, 0] < 0).any():
        raise ConfigError(field, float(array[:, 0].min()), "budgets from 0")
    return array


def _positive(budget: float, field: str) -> float:
    if not 0 < budget < np.inf:
        raise ConfigError(field, budget, "a positive finite budget")
    return budget
