"""`PosteriorVariance`: how unsure the two stages are of each LLM on each question."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from abgnn.data.arrays import Array, Index
from abgnn.planning.question_kernel import Kernel, ReadQuestions


@dataclass(frozen=True)
class Conditioned:
    """A process with what it was conditioned on.

    Args:
        kernel: of it.
        rows: of the training questions that were observed.
        inverse: of their covariance with noise.
    """

    kernel: Kernel
    rows: Index
    inverse: Array

    def __call__(self, read: ReadQuestions, training: ReadQuestions) -> Array:
        """Posterior variance at questions, `[Q]`."""
        observed = ReadQuestions(training.phi[self.rows], training.kind[self.rows])
        cross = self.kernel(read, observed)  # [Q, n]
        explained = ((cross @ self.inverse) * cross).sum(1)
        variance: Array = np.maximum(self.kernel.own(read) - explained, 0.0)
        return variance


@dataclass(frozen=True)
class PosteriorVariance:
    """Variance of level + difficulty + ability, as if the three were observed apart.

    Args:
        training: questions.
        level: of LLMs' means, `[M]`.
        difficulty: one process.
        ability: one process for all LLMs, or M.
    """

    training: ReadQuestions
    level: Array
    difficulty: Conditioned
    ability: tuple[Conditioned, ...]

    def __call__(self, read: ReadQuestions) -> Array:
        """`[Q, M]`."""
        parts = [process(read, self.training) for process in self.ability]
        shared = self.difficulty(read, self.training)[:, None]
        variance: Array = self.level + shared + np.stack(parts, 1)
        return variance
