"""What a Gaussian process reads of questions, its kernel over them, and what it predicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from abgnn.data.arrays import Array, Index
from abgnn.data.surface_features import SURFACE_NAMES
from abgnn.planning.questions import Questions

COUNT_WEIGHT, CLIP = 0.5, 5.0


class ReadQuestions(NamedTuple):
    """Features φ `[Q, F]` and indices of kinds `[Q]`; −1 for a kind that training lacked."""

    phi: Array
    kind: Index


@dataclass(frozen=True)
class KernelFeatures:
    r"""φ = centred embedding ‖ .5/√22 · standardised surface counts, clipped at ±5.

    Args:
        centre: mean embedding of the training questions, `[H]`.
        count_mean, count_sd: of their surface counts, `[22]`.
        kinds: names of the U kinds among them.
    """

    centre: Array
    count_mean: Array
    count_sd: Array
    kinds: tuple[str, ...]

    @classmethod
    def fit(cls, questions: Questions) -> KernelFeatures:
        """Of training questions."""
        counts = questions.counts
        sd = np.maximum(counts.std(0), 1e-3)
        kinds = tuple(dict.fromkeys(questions.kinds))
        return cls(questions.embedding.mean(0), counts.mean(0), sd, kinds)

    def __call__(self, questions: Questions) -> ReadQuestions:
        standard = (questions.counts - self.count_mean) / self.count_sd
        counts = COUNT_WEIGHT / len(SURFACE_NAMES) ** 0.5 * np.clip(standard, -CLIP, CLIP)
        place = {name: u for u, name in enumerate(self.kinds)}
        kind = np.array([place.get(name, -1) for name in questions.kinds], dtype=np.int64)
        return ReadQuestions(np.concatenate([questions.embedding - self.centre, counts], 1), kind)


@dataclass(frozen=True)
class Kernel:
    r"""Covariance of two questions: kind · 1[t=t'] + text · <φ, φ'> (1 + 1[t=t'])/2 + flat.

    Args:
        kind: variance of what all questions of a kind share.
        text: variance of what questions share whose texts are alike, at |φ| = 1.
        flat: variance of what all questions share.
    """

    kind: float
    text: float
    flat: float = 0.0

    def __call__(self, a: ReadQuestions, b: ReadQuestions) -> Array:
        """`[A, B]`; a kind that is unknown equals no other."""
        return self.of(same_kind(a, b), a.phi @ b.phi.T)

    def of(self, same: Array, gram: Array) -> Array:
        """From 1[t=t'] and <φ, φ'>, `[A, B]` each."""
        covariance: Array = self.kind * same + self.text / 2 * gram * (1 + same) + self.flat
        return covariance

    def own(self, read: ReadQuestions) -> Array:
        """Variance at each question, `[Q]`."""
        variance: Array = self.kind + self.text * np.square(read.phi).sum(1) + self.flat
        return variance


def same_kind(a: ReadQuestions, b: ReadQuestions) -> Array:
    """1[t=t'], `[A, B]`."""
    same: Array = ((a.kind[:, None] == b.kind) & (b.kind >= 0)).astype(np.float64)
    return same


@dataclass(frozen=True)
class LinearForm:
    r"""A process' mean written out: level + kind_t + <shared + own_t, φ>, for M outputs.

    Args:
        level: `[M]`.
        kind: `[U+1, M]`; the last row, zeros, is an unknown kind's.
        shared: `[F, M]`.
        own: `[U+1, F, M]`; the last is zeros.
    """

    level: Array
    kind: Array
    shared: Array
    own: Array

    @classmethod
    def of(cls, kernel: Kernel, read: ReadQuestions, dual: Array, kinds: int) -> LinearForm:
        """Σ_i k(·, i) dual_i for training questions with dual weights `[n, M]`."""
        level = np.zeros((kinds + 1, dual.shape[1]))
        own = np.zeros((kinds + 1, read.phi.shape[1], dual.shape[1]))
        for u in range(kinds):
            rows = read.kind == u
            level[u] = kernel.kind * dual[rows].sum(0)
            own[u] = kernel.text / 2 * read.phi[rows].T @ dual[rows]
        shared = kernel.text / 2 * read.phi.T @ dual
        return cls(kernel.flat * dual.sum(0), level, shared, own)

    def __call__(self, read: ReadQuestions) -> Array:
        """`[Q, M]`."""
        out: Array = self.level + self.kind[read.kind] + read.phi @ self.shared
        for u in np.unique(read.kind[read.kind >= 0]):
            rows = read.kind == u
            out[rows] += read.phi[rows] @ self.own[u]
        return out


def inverse_of(matrix: Array) -> Array:
    """Inverse of a positive definite matrix."""
    inverse: Array = cho_solve(cho_factor(matrix, lower=True), np.eye(len(matrix)))
    return inverse
