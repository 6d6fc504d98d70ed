"""`KernelEase`: ease of questions like those of an outcome table, by kernel ridge regression."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.spatial.distance import cdist

from abgnn.data.arrays import Array
from abgnn.data.surface_features import surface_counts
from abgnn.difficulty.task_means import TaskMeans
from abgnn.errors import ConfigError

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix
    from sklearn.feature_extraction.text import TfidfVectorizer

_CHUNK = 2048  # questions predicted at once
_TESTS = re.compile(r"(?m)^[ \t]*assert\b.*$")


@dataclass(frozen=True, slots=True)
class KernelWeights:
    """Variance of each part of the residual, in units of the noise.

    Args:
        meaning: of the sentence embedding, over all tasks.
        surface, letters: of surface counts and of character n-grams, over all tasks.
        surface_in_task, letters_in_task: the same, among questions of one task.
    """

    meaning: float = 0.3
    surface: float = 0.1
    letters: float = 0.1
    surface_in_task: float = 0.3
    letters_in_task: float = 0.6


@dataclass(frozen=True)
class _Features:
    embed: Array  # [n, H]
    surface: Array  # [n, 22], standardised
    letters: csr_matrix  # [n, n-grams], rows of unit length
    task: NDArray[np.str_]  # [n]


class KernelEase:
    r"""Ease = shrunk task mean + a residual without an intercept.

    .. math:: \hat s = \bar s_t + k^\top (K + I)^{-1} (s - \bar s_t), \qquad
        K = w_1 K_{emb} + (w_2 + w_4 T) \circ K_{surf} + (w_3 + w_5 T) \circ K_{tfidf}

    with T whether two questions are of one task, :math:`K_{emb} = e^{-(1-\cos)/0.6}`, a Gaussian
    of the standardised surface counts, and the cosine of TF-IDF weighted character n-grams (lines
    of unit tests left out). Embedding, counts, TF-IDF and nearest neighbours enter one convex fit,
    without randomness. Questions of a task that is not in the table keep
    the parts over all tasks.

    Args:
        weights: of the parts; the defaults were set on the LLMRouter table and serve others.
        shrink: pull of a task's mean towards the mean of all, in questions.

    Costs n² memory and n³ time in the table's n questions: some seconds at 8,000.
    """

    def __init__(self, weights: KernelWeights | None = None, shrink: float = 5.0) -> None:
        self.weights, self.shrink = weights or KernelWeights(), shrink

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.weights})"

    def fit(
        self,
        texts: Sequence[str],
        embed: ArrayLike,
        task: Sequence[str],
        ease: ArrayLike,
        noise: Array | float = 1.0,
    ) -> KernelEase:
        """Fit to questions with known ease.

        Args:
            texts: the questions, `[n]`.
            embed: sentence embeddings of unit length, `[n, H]`.
            task: benchmark of each; the same word for all if it is not known.
            ease: mean score over LLMs, `[n]`.
            noise: variance of each question's ease relative to the others, `[n]` or one number;
                above 1 for outcomes of other LLMs than those of interest.
        """
        eases = np.asarray(ease, dtype=float)
        if not len(texts) == len(task) == len(eases) == len(np.asarray(embed)) > 1:
            sizes = (len(texts), len(np.asarray(embed)), len(task), len(eases))
            raise ConfigError("KernelEase.fit", sizes, "as many of each, at least two")
        counts = surface_counts(texts)
        self.centre, self.scale = counts.mean(0), counts.std(0) + 1e-6
        self.vectorizer = _vectorizer(len(texts)).fit(_prose(texts))
        self.known = self._features(texts, embed, task)
        self.means = TaskMeans.fit(task, eases, self.shrink)
        gram = self._kernel(self.known, self.known)
        gram[np.diag_indices_from(gram)] += noise
        self.coefficient: Array = cho_solve(
            cho_factor(gram, lower=True, overwrite_a=True), eases - self.means(task)
        )
        return self

    def predict(self, texts: Sequence[str], embed: ArrayLike, task: Sequence[str]) -> Array:
        """Ease in [0, 1], `[n]`."""
        features = self._features(texts, embed, task)
        residual = np.zeros(len(texts))
        for start in range(0, len(texts), _CHUNK):
            rows = slice(start, start + _CHUNK)
            some = _Features(*(getattr(features, f)[rows] for f in _Features.__annotations__))
            residual[rows] = self._kernel(some, self.known) @ self.coefficient
        return np.clip(self.means(task) + residual, 0.0, 1.0)

    def _features(self, texts: Sequence[str], embed: ArrayLike, task: Sequence[str]) -> _Features:
        return _Features(
            np.asarray(embed, dtype=float),
            (surface_counts(texts) - self.centre) / self.scale,
            self.vectorizer.transform(_prose(texts)),
            np.asarray(task, dtype=np.str_),
        )

    def _kernel(self, a: _Features, b: _Features) -> Array:
        """K, `[n_a, n_b]`."""
        w, same = self.weights, a.task[:, None] == b.task[None]
        gram: Array = w.meaning * np.exp((a.embed @ b.embed.T - 1) / 0.6)
        # a width of 0.8 per standard deviation and count
        width = 2 * 0.8**2 * a.surface.shape[1]
        near = np.exp(-cdist(a.surface, b.surface, "sqeuclidean") / width)
        gram += (w.surface + w.surface_in_task * same) * near
        alike = (a.letters @ b.letters.T).toarray()
        gram += (w.letters + w.letters_in_task * same) * alike
        return gram


def _prose(texts: Sequence[str]) -> list[str]:
    """Without lines of unit tests: their made-up values would outweigh the question."""
    return [_TESTS.sub("", text).strip() or text for text in texts]


def _vectorizer(n: int) -> TfidfVectorizer:
    """Character n-grams inside words; rare ones are left out of tables that are not tiny."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    rare = 3 if n >= 100 else 1
    return TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), min_df=rare, sublinear_tf=True)
