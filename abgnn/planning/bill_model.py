"""`BillModel`: USD or seconds of a lone call by kind and length of the question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from abgnn.data.arrays import Array, Index


@dataclass(frozen=True)
class BillModel:
    r"""Expected USD (or seconds) of one call of each LLM.

    .. math:: \hat c_m(q) = \max(a_{tm} + b_m \, length(q), \; least_m)

    Prompt tokens grow with the question's length, completion tokens are the kind's. The slope is
    the one within kinds; :math:`a_t` is the kind's mean, shrunk towards the overall one.

    Args:
        base: a, `[U+1, M]`; the last row is an unknown kind's.
        slope: b, `[M]`, per thousand characters.
        least: the least that was ever billed, `[M]`.
    """

    base: Array
    slope: Array
    least: Array

    def __call__(self, length: Array, kind: Index) -> Array:
        """Expected bills `[Q, M]` of questions of lengths `[Q]` and kinds `[Q]` (−1: unknown)."""
        bill: Array = np.maximum(self.base[kind] + length[:, None] * self.slope, self.least)
        return bill

    @classmethod
    def fit(
        cls,
        length: Array,
        kind: Index,
        bill: Array,
        kinds: int,
        shrink: float = 1.0,
        prior: Array | None = None,
    ) -> BillModel:
        """
        Args:
            length: thousands of characters, `[n]`.
            kind: indices below `kinds`, `[n]`.
            bill: `[n, M]`; nan where an LLM was not called.
            kinds: U.
            shrink: calls that the overall mean weighs as much as.
            prior: bills of LLMs that were never called, `[M]`; None: the others' mean.
        """
        called = ~np.isnan(bill)
        one_hot = np.eye(kinds + 1)[kind]  # [n, U+1]
        count = one_hot.T @ called  # [U+1, M]
        x = np.where(called, length[:, None], 0.0)
        y = np.where(called, bill, 0.0)

        def inside(values: Array) -> Array:
            """Less the mean of kind and LLM."""
            mean = (one_hot.T @ values) / np.maximum(count, 1)
            return np.where(called, values - mean[kind], 0.0)

        dx, dy = inside(x), inside(y)
        slope = np.maximum((dx * dy).sum(0) / np.maximum(np.square(dx).sum(0), 1e-12), 0)
        rest = y - x * slope
        calls = count.sum(0)
        overall = rest.sum(0) / np.maximum(calls, 1)
        base = (one_hot.T @ rest + shrink * overall) / np.maximum(count + shrink, 1e-12)
        least = np.where(called, bill, np.inf).min(0)
        never = calls == 0
        if never.any():
            fill = np.full(len(never), y[called].mean()) if prior is None else prior
            base[:, never], least[never] = fill[never], 0.0
        return cls(base, slope, least)


def thousands_of_characters(texts: Sequence[str]) -> Array:
    """Lengths of texts, `[Q]`."""
    return np.array([len(text) / 1000 for text in texts], dtype=np.float64)
