"""The 3-D Pareto front of performance, cost and latency; arrays in, a mask out."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from abgnn.data.arrays import Array, Mask
from abgnn.errors import ConfigError


def pareto_mask(
    perf: ArrayLike, cost: ArrayLike, latency: ArrayLike, guessed: ArrayLike | None = None
) -> Mask:
    """Who is on the 3-D Pareto front: performance high, cost and latency low; [M] each.

    A backbone is dominated if another one is at least as good in all three and better in one, so
    equal points stay or go together. One whose performance is guessed (bool [M]) neither dominates
    nor is dominated: a guess must not cost any LLM its place.

    Raises:
        ConfigError: arrays of unequal length, none, or a value that is not finite.
    """
    p, c, t = checked_triple(perf, cost, latency)
    loss = np.stack([-p, c, t], axis=1)  # [M, 3]
    no_worse = (loss[:, None] <= loss[None]).all(-1)  # [M, M]: row against column
    better = (loss[:, None] < loss[None]).any(-1)
    known = np.ones(len(p), np.bool_) if guessed is None else ~np.asarray(guessed, np.bool_)
    dominated: Mask = np.any(no_worse & better & known[:, None] & known, axis=0)  # [M]
    return ~dominated


def checked_triple(
    perf: ArrayLike, cost: ArrayLike, latency: ArrayLike, *, positive: bool = False
) -> tuple[Array, Array, Array]:
    """Copies of the three as float64 [M]; `positive` asks for cost and latency above 0."""
    named = {"perf": perf, "cost": cost, "latency": latency}
    arrays = {field: np.array(values, dtype=np.float64) for field, values in named.items()}
    length = arrays["perf"].shape[:1]
    for field, array in arrays.items():
        if array.ndim != 1 or array.shape != length or not array.size:
            raise ConfigError(field, array.shape, "one value per backbone, at least one")
        wrong = ~np.isfinite(array) | (positive and field != "perf" and array <= 0)
        if wrong.any():
            i = int(np.flatnonzero(wrong)[0])
            allowed = "a finite number" + (" above 0" if positive and field != "perf" else "")
            raise ConfigError(f"{field}[{i}]", float(array[i]), allowed)
    return arrays["perf"], arrays["cost"], arrays["latency"]
