"""`NearnessBeliefs`: published scores alone, by how near a question is to each benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, softmax

from abgnn.data.arrays import Array
from abgnn.errors import ConfigError
from abgnn.planning.beliefs import Belief
from abgnn.planning.prior import Prior
from abgnn.planning.questions import Questions

TEMPERATURE = 0.03
"""Of squared distances: how widely questions of one family spread."""
KNOWN_SD, UNKNOWN_SD = 0.5, 1.0
"""Of a logit whose benchmarks are published, and of one that others' scores stand for."""


@dataclass(frozen=True)
class Published:
    """Published scores by family of benchmarks.

    Args:
        centroids: mean embeddings of the families' exemplars, `[B, H]`.
        logits: of scores, `[M, B]`; nan where there is none.
    """

    centroids: Array
    logits: Array

    @property
    def tells(self) -> bool:
        """Whether two families have scores, so that beliefs differ by question."""
        return int((~np.isnan(self.logits)).any(0).sum()) > 1


@dataclass(frozen=True)
class NearnessBeliefs:
    r"""Beliefs without any data of one's own.

    .. math:: w_b(q) = \mathrm{softmax}_b(-|e_q - c_b|^2 / (2 \cdot .03)), \quad
        \mathrm{logit}_m(q) = \sum_b w_b(q) \, \mathrm{dev}_{mb}

    with c the mean embedding of a family's exemplars and dev the logit of the published score. A
    score that is missing is the backbone's level plus what the others' scores say of the family.
    Every role is believed to do as the lead.

    By distance the nearest of five families is right for 93 % of questions, by the inner product
    with centred means for 79 %, which prefers families whose questions are all alike.

    Args:
        roles: names.
        prior: accuracy, USD and seconds of M backbones, as the catalogue has them.
        centroids: c, `[B, H]`.
        logits: dev, missing ones filled, `[M, B]`; no column where nothing is published.
        published: which are published, `[M, B]`.
    """

    roles: tuple[str, ...]
    prior: Prior
    centroids: Array
    logits: Array
    published: Array

    @classmethod
    def of(
        cls, prior: Prior, published: Array, centroids: Array, roles: Sequence[str]
    ) -> NearnessBeliefs:
        """
        Args:
            prior: of M backbones.
            published: logits of scores, `[M, B]`; nan where there is none.
            centroids: `[B, H]`.
            roles: S names.
        """
        shape = (len(prior.names), len(centroids))
        if published.shape != shape:
            raise ConfigError("published", published.shape, f"{shape}, backbones by benchmarks")
        base = np.log(prior.accuracy / (1 - prior.accuracy))
        known = ~np.isnan(published)
        any_score = known.any(0)
        filled = _filled(published[:, any_score], base)
        kept = known[:, any_score].astype(np.float64)
        return cls(tuple(roles), prior, centroids[any_score], filled, kept)

    @property
    def backbones(self) -> tuple[str, ...]:
        return self.prior.names

    def nearness(self, questions: Questions) -> Array:
        """Weights w of the families, `[Q, B]`."""
        along = questions.embedding @ self.centroids.T - np.square(self.centroids).sum(1) / 2
        weights: Array = softmax(along / TEMPERATURE, 1)
        return weights

    def __call__(self, questions: Questions) -> Belief:
        n, accuracy = len(questions), self.prior.accuracy
        if self.logits.shape[1]:
            near = self.nearness(questions)
            logit, known = near @ self.logits.T, near @ self.published.T  # [Q, M]
        else:
            logit = np.tile(np.log(accuracy / (1 - accuracy)), (n, 1))
            known = np.zeros_like(logit)
        variance = known * KNOWN_SD**2 + (1 - known) * UNKNOWN_SD**2
        mean = expit(logit / np.sqrt(1 + np.pi / 8 * variance))
        usd, seconds = (np.tile(x, (n, 1)) for x in (self.prior.usd, self.prior.seconds))
        shown = (logit, np.sqrt(variance), mean, usd, seconds)
        return Belief(*(np.repeat(x[:, None], len(self.roles), 1) for x in shown))  # [Q, S, M]


def _filled(logits: Array, base: Array, sweeps: int = 50) -> Array:
    """Missing entries by the additive fit level_m + family_b; without any score level is base."""
    known = ~np.isnan(logits)
    y = np.where(known, logits, 0.0)
    of_backbone, of_family = np.maximum(known.sum(1), 1), np.maximum(known.sum(0), 1)
    none = ~known.any(1)
    family = np.zeros(logits.shape[1])
    level = base
    for _ in range(sweeps):
        level = np.where(known, y - family, 0.0).sum(1) / of_backbone
        family = np.where(known, y - level[:, None], 0.0).sum(0) / of_family
    if none.any():  # its level stands to the others' as its base to theirs
        shift = (level - base)[~none].mean() if (~none).any() else 0.0
        level = np.where(none, base + shift, level)
    return np.where(known, logits, level[:, None] + family)
