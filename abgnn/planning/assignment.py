"""Prices of budgets where each question is assigned its own LLM."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_matrix, kron

from abgnn.data.arrays import Array
from abgnn.errors import ConfigError
from abgnn.planning.budgets import Budget


def assignment_prices(
    score: Array, usd: Array, seconds: Array, budget: Budget
) -> tuple[float, float]:
    """λ_tok and λ_lat at which argmax(score − λ_tok usd − λ_lat seconds) uses what is aimed at.

    The dual values of the linear programme that spreads Q questions over M LLMs for the highest
    mean predicted score within the mean budgets. Where even the cheapest choices exceed a budget,
    prices at which they are made.

    Args:
        score, usd, seconds: predictions, `[Q, M]`.
        budget: of means per query.

    Raises:
        ConfigError: a latency quantile: it is no mean.
    """
    if budget.quantile is not None:
        raise ConfigError("budget.quantile", budget.quantile, "null, for a policy of single LLMs")
    n, m = score.shape
    rows = [
        (uses / allowed).ravel() / n
        for uses, allowed in ((usd, budget.cost_usd), (seconds, budget.latency_s))
        if allowed is not None
    ]
    if not rows:
        return 0.0, 0.0
    each = kron(np.eye(n), np.ones((1, m)), format="csr")  # every question is answered once
    solved = linprog(
        -score.ravel() / n,
        csr_matrix(np.array(rows)),
        np.full(len(rows), budget.aim),
        each,
        np.ones(n),
        bounds=(0, 1),
    )
    duals = iter(-solved.ineqlin.marginals if solved.status == 0 else np.full(len(rows), 1e3))
    tok, lat = (
        0.0 if allowed is None else float(next(duals)) / allowed
        for allowed in (budget.cost_usd, budget.latency_s)
    )
    return tok, lat
