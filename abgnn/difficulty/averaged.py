"""`AveragedEase`: kernel ridge and randomised trees, averaged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from abgnn.data.arrays import Array
from abgnn.data.surface_features import surface_counts
from abgnn.difficulty.kernel import KernelEase

_COMPONENTS = 40
_STRETCH = 1.2


class AveragedEase:
    """The mean of `KernelEase` and of a forest on the same residual around shrunk task means.

    The forest (extremely randomised trees) sees surface counts, the task, the first 40 principal
    components of the embeddings and of TF-IDF weighted words. The two err differently: their mean
    is better calibrated and ranks better than either. Each is shrunk for its own errors, so their
    mean is shrunk too far, and is stretched by 1.2: least squares on left-out residuals of
    training questions (LLMRouter's table) give weights of about 0.6 to both.

    Args:
        trees: of the forest.
        seed: of the forest.
    """

    def __init__(self, trees: int = 300, seed: int = 0) -> None:
        self.kernel, self.trees, self.seed = KernelEase(), trees, seed

    def fit(
        self,
        texts: Sequence[str],
        embed: ArrayLike,
        task: Sequence[str],
        ease: ArrayLike,
        noise: Array | float = 1.0,
    ) -> AveragedEase:
        """As `KernelEase.fit`."""
        from sklearn.decomposition import PCA, TruncatedSVD
        from sklearn.ensemble import ExtraTreesRegressor
        from sklearn.feature_extraction.text import TfidfVectorizer

        eases, vectors = np.asarray(ease, dtype=float), np.asarray(embed, dtype=float)
        self.kernel.fit(texts, vectors, task, eases, noise)
        self.tasks = sorted(set(task))
        few = min(_COMPONENTS, len(texts) - 1, vectors.shape[1])
        self.meaning = PCA(few, random_state=self.seed).fit(vectors)
        self.words = TfidfVectorizer(sublinear_tf=True, token_pattern=r"\S+").fit(texts)
        seen = self.words.transform(texts)
        few = min(_COMPONENTS, len(texts) - 1, seen.shape[1])
        self.topics = TruncatedSVD(few, random_state=self.seed).fit(seen)
        forest = ExtraTreesRegressor(
            self.trees, min_samples_leaf=3, max_features=0.4, random_state=self.seed
        )
        weight = np.broadcast_to(1 / np.asarray(noise, dtype=float), eases.shape)
        rest = eases - self.kernel.means(task)
        self.forest = forest.fit(self._features(texts, vectors, task), rest, sample_weight=weight)
        return self

    def predict(self, texts: Sequence[str], embed: ArrayLike, task: Sequence[str]) -> Array:
        """Ease in [0, 1], `[n]`."""
        vectors = np.asarray(embed, dtype=float)
        rest = self.forest.predict(self._features(texts, vectors, task))
        means = self.kernel.means(task)
        mean = (self.kernel.predict(texts, vectors, task) - means + rest) / 2
        ease: Array = np.clip(means + _STRETCH * mean, 0.0, 1.0)
        return ease

    def _features(self, texts: Sequence[str], embed: Array, task: Sequence[str]) -> Array:
        """Counts ‖ task ‖ meaning ‖ words, `[n, …]`."""
        one_hot = np.array([[name == known for known in self.tasks] for name in task], dtype=float)
        words = self.topics.transform(self.words.transform(texts))
        return np.hstack([surface_counts(texts), one_hot, self.meaning.transform(embed), words])
