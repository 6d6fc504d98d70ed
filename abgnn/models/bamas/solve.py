"""Small integer programs, solved exactly: by HiGHS, then by an integer search from its solution.

HiGHS works in doubles, with tolerances of 1e-6: weights that grow like products (`tier_weights`)
outgrow them, and so may a budget that is met to the last cent. The search starts from HiGHS's
solution, so that it has little left to look at; it is exact whatever that solution is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy.optimize import LinearConstraint, milp

Counts = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """Σ coefficient · count ≤ bound."""

    coefficients: tuple[int, ...]
    bound: int

    def holds(self, counts: Sequence[int]) -> bool:
        return _dot(self.coefficients, counts) <= self.bound


@dataclass(frozen=True, slots=True)
class Problem:
    """max Σ value · count, with Σ cost · count ≤ budget, 0 ≤ count ≤ upper, and the rows.

    Values and costs are whole and above 0; `[n]` each.
    """

    value: tuple[int, ...]
    cost: tuple[int, ...]
    budget: int
    upper: tuple[int, ...]
    rows: tuple[Row, ...] = ()

    def feasible(self, counts: Sequence[int]) -> bool:
        """Whether counts within their bounds keep to budget and rows."""
        fits = _dot(self.cost, counts) <= self.budget
        return fits and all(row.holds(counts) for row in self.rows)

    def rank(self, counts: Sequence[int]) -> tuple[int, int, Counts]:
        """What is better ranks higher: value, then a low cost, then many of the first."""
        return _dot(self.value, counts), -_dot(self.cost, counts), tuple(counts)


def solve(problem: Problem) -> Counts | None:
    """The best counts, ties settled as `Problem.rank` says; None: there are none."""
    return search(problem, highs(problem))


def highs(problem: Problem) -> Counts | None:
    """What HiGHS finds, if that is exactly feasible; optimal up to its tolerances."""
    most = max(problem.value)
    lhs = [[c / max(problem.budget, 1) for c in problem.cost]]
    lhs += [[float(c) for c in row.coefficients] for row in problem.rows]
    solution = milp(
        [-v / most for v in problem.value],
        integrality=np.ones(len(problem.value)),
        bounds=(0, problem.upper),
        constraints=LinearConstraint(
            lhs, ub=[float(problem.budget > 0), *(float(row.bound) for row in problem.rows)]
        ),
        options={"mip_rel_gap": 0.0},
    )
    if solution.x is None:
        return None
    counts = tuple(int(n) for n in np.rint(solution.x))
    return counts if problem.feasible(counts) else None


def search(problem: Problem, start: Counts | None = None) -> Counts | None:
    """Branch and bound in whole numbers, from a feasible start if there is one.

    The bound is that of the knapsack alone: what is left is filled by value per cost, the last
    piece in part. Branches that can only tie are followed, for ties are settled by rank.
    """
    n = len(problem.value)
    order = sorted(range(n), key=lambda i: Fraction(-problem.value[i], problem.cost[i]))
    ceilings = [row for row in problem.rows if min(row.coefficients) >= 0]
    counts, best = [0] * n, start

    def visit(depth: int, value: int, room: int) -> None:
        nonlocal best
        if depth == n:
            if problem.feasible(counts) and (
                best is None or problem.rank(counts) > problem.rank(best)
            ):
                best = tuple(counts)
            return
        rest = order[depth:]
        if best is not None and value + _bound(problem, rest, room) < _dot(problem.value, best):
            return
        i = order[depth]
        for number in range(min(problem.upper[i], room // problem.cost[i]), -1, -1):
            counts[i] = number
            if all(row.holds(counts) for row in ceilings):
                visit(depth + 1, value + number * problem.value[i], room - number * problem.cost[i])
        counts[i] = 0

    visit(0, 0, problem.budget)
    return best


def _bound(problem: Problem, rest: Sequence[int], room: int) -> int:
    """The most that the groups `rest`, in order of value per cost, can add; rounded up."""
    total = 0
    for i in rest:
        number = min(problem.upper[i], room // problem.cost[i])
        total, room = total + number * problem.value[i], room - number * problem.cost[i]
        if number < problem.upper[i]:
            return total - (-problem.value[i] * room // problem.cost[i])
    return total


def _dot(a: Sequence[int], b: Sequence[int]) -> int:
    return sum(x * y for x, y in zip(a, b, strict=True))
