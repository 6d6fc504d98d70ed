"""Mean ease per task, shrunk towards the mean of all; numpy only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from abgnn.data.arrays import Array


@dataclass(frozen=True)
class TaskMeans:
    r"""Shrunk means :math:`\hat s_t = (\sum_{q \in t} s_q + k \bar s) / (n_t + k)`.

    Args:
        mean: of all questions; an unknown task gets it.
        tasks: shrunk mean of each known task.
    """

    mean: float
    tasks: dict[str, float]

    @classmethod
    def fit(cls, task: Sequence[str], ease: ArrayLike, shrink: float = 5.0) -> TaskMeans:
        """Means of `ease` `[n]`; `shrink` is k, in questions."""
        eases, names = np.asarray(ease, dtype=float), np.asarray(task)
        mean = float(eases.mean())
        known = {
            str(t): float((eases[names == t].sum() + shrink * mean) / ((names == t).sum() + shrink))
            for t in np.unique(names)
        }
        return cls(mean, known)

    def __call__(self, task: Sequence[str]) -> Array:
        """The mean of each question's task, `[n]`."""
        return np.array([self.tasks.get(t, self.mean) for t in task])
