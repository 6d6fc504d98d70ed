"""One rule for budgets that no plan can meet: they are refused, with the least that would do.

Who plans for a budget (`plan`, `QuestionPlan.of`, `System`, `budgeted`, `abgnn plan`, `cases`)
raises what `refusal` makes. `abgnn plan` shows the nearest plan with it, and writes none; rows of
`abgnn compare` take the nearest, as a point of their frontier.
Training goes towards such budgets as far as it can; `certify` judges a plan by what it used.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_matrix

from abgnn.data.arrays import Array, Index
from abgnn.errors import ConfigError

_SLACK = 1.02  # of two budgets together: a search for others comes upon slightly other designs


def refusal(
    cost_usd: float | None,
    latency_s: float | None,
    usd: Array,
    seconds: Array,
    groups: Index | None = None,
    shares: Sequence[float] = (1.0,),
    *,
    means: bool = True,
) -> ConfigError:
    """What is raised: it names field, value, and the least that a plan needs.

    Args:
        cost_usd, latency_s: budgets that no plan meets; None: any.
        usd, seconds: the budgets that every choice needs, `[n]`: expected use over the aim.
        groups: the group of questions that each choice is for, `[n]`; None: one group.
        shares: of the groups.
        means: whether both budgets are of means, which add up over the groups.
    """
    groups = np.zeros(len(usd), dtype=np.int64) if groups is None else groups
    uses = {"cost_usd": usd, "latency_s": seconds}
    both = {"cost_usd": cost_usd, "latency_s": latency_s}
    stated = {field: value for field, value in both.items() if value is not None}
    least = {field: _least(uses[field], groups, shares) for field in stated}
    short = [field for field, value in stated.items() if least[field] > value]
    together = {
        one: _within(uses, one, other, stated[other], groups, shares)
        for one, other in (("cost_usd", "latency_s"), ("latency_s", "cost_usd"))
        if means and len(stated) == 2 and other not in short
    }
    if not short and together:
        (cost, wait) = (_shown(field, together[field]) for field in stated)
        pairs = f"{cost} within {latency_s:g} s, or {wait} within ${cost_usd:g}"
        return _error(stated, stated, f"budgets that a plan can meet together: at least {pairs}")
    least |= together
    short = short or list(stated)
    needs = " and ".join(f"at least {_shown(field, least[field])}" for field in short)
    alone = ", each with any amount of the other" if len(short) > 1 else ""
    return _error(short, stated, f"{needs} per query, the least that a plan needs{alone}")


def refusal_by_question(
    cost_usd: float | None, latency_s: float | None, usd: Array, seconds: Array
) -> ConfigError:
    """`refusal` where every question chooses among D designs; `usd`, `seconds`: `[Q, D]`."""
    q, d = usd.shape
    groups = np.repeat(np.arange(q), d)
    return refusal(cost_usd, latency_s, usd.ravel(), seconds.ravel(), groups, [1 / q] * q)


def quantile_least(
    seconds: Sequence[Array], groups: Index, shares: Sequence[float], slow: float
) -> float:
    """The time beyond which no more than a share `slow` of the queries need take.

    Args:
        seconds: simulated for each design, `[n]` times `[V]`.
        groups, shares: see `refusal`.
        slow: share of the queries.
    """
    high = max(float(s.max()) for s in seconds)
    low = 0.0
    for _ in range(40):
        middle = (low + high) / 2
        late = np.array([float((s > middle).mean()) for s in seconds])
        low, high = (low, middle) if _least(late, groups, shares) <= slow else (middle, high)
    return high


def _least(values: Array, groups: Index, shares: Sequence[float]) -> float:
    """Every group takes its smallest value."""
    smallest = np.full(len(shares), np.inf)
    np.minimum.at(smallest, groups, values)
    return float(np.asarray(shares) @ smallest)


def _within(
    uses: dict[str, Array],
    one: str,
    other: str,
    limit: float,
    groups: Index,
    shares: Sequence[float],
) -> float:
    """The least of one budget with the other one kept."""
    n = len(groups)
    each = csr_matrix((np.ones(n), (groups, np.arange(n))), shape=(len(shares), n))
    scale = float(uses[one].mean())
    row = csr_matrix((uses[other] / limit)[None])
    solved = linprog(uses[one] / scale, row, [1.0], each, np.asarray(shares), bounds=(0, None))
    return _SLACK * float(solved.fun) * scale if solved.status == 0 else math.inf


def _shown(field: str, value: float) -> str:
    """With its unit, rounded up to three digits, so that what is named will do."""
    if 0 < value < math.inf:
        step = 10.0 ** (math.floor(math.log10(value)) - 2)
        value = math.ceil(value / step * (1 - 1e-9)) * step
    return f"${value:.6g}" if field == "cost_usd" else f"{value:.6g} s"


def _error(fields: Iterable[str], stated: dict[str, float], allowed: str) -> ConfigError:
    values = tuple(stated[field] for field in fields)
    return ConfigError(", ".join(fields), values[0] if len(values) == 1 else values, allowed)
