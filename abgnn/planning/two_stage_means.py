"""The two stages' predictions as a closed form, fitted to a complete or an incomplete table."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from abgnn.data.arrays import Array, Index
from abgnn.planning.posterior_variance import Conditioned, PosteriorVariance
from abgnn.planning.question_kernel import LinearForm, ReadQuestions, inverse_of
from abgnn.planning.two_stage_evidence import likeliest_ability, likeliest_difficulty
from abgnn.planning.two_stage_fit import (
    ABILITY_COUNT,
    LUCK,
    QUESTION,
    Grams,
    best_ability,
    best_difficulty,
)
from abgnn.planning.two_stage_joint import joint_fit

LEAST, MOST = 0.03, 0.98
_LOW, _HIGH, MOST_SQUASHED = 0.08, 0.95, 0.985
MOST_ANSWERS = 3000
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TwoStageMeans:
    r"""p_m(q) = clip(μ_m + d(q) + f_m(q) + s_m z(q)), z the standardised d.

    Args:
        level: μ, `[M]`.
        difficulty, ability: d and f, of 1 and M outputs.
        slope: s, `[M]`.
        spread: mean and standard deviation of d over the training questions.
    """

    level: Array
    difficulty: LinearForm
    ability: LinearForm
    slope: Array
    spread: tuple[float, float]

    def __call__(self, read: ReadQuestions) -> Array:
        """`[Q, M]`."""
        return np.clip(self.raw(read), LEAST, MOST)

    def raw(self, read: ReadQuestions) -> Array:
        """Before they are clipped, `[Q, M]`."""
        d = self.difficulty(read)  # [Q, 1]
        z = (d - self.spread[0]) / self.spread[1]
        out: Array = self.level + d + self.ability(read) + self.slope * z
        return out


def squashed(raw: Array) -> Array:
    """Probabilities, in the order of the raw predictions: where clipping would make LLMs equal on
    an easy question, a choice would be by chance."""
    high, low = MOST_SQUASHED - _HIGH, _LOW - LEAST
    above, below = np.maximum(raw - _HIGH, 0), np.maximum(_LOW - raw, 0)
    inside = np.clip(raw, _LOW, _HIGH)
    out: Array = inside - high * np.expm1(-above / high) + low * np.expm1(-below / low)
    return out


@dataclass(frozen=True)
class TwoStageFit:
    """What was fitted.

    Args:
        means: predictions.
        variance: what is not known of them.
        left_out: raw predictions for every training question, which was left out, `[n, M]`.
    """

    means: TwoStageMeans
    variance: PosteriorVariance
    left_out: Array


def fit_two_stages(
    read: ReadQuestions,
    score: Array,
    prior: Array,
    kinds: int,
    most: int = MOST_ANSWERS,
    by_evidence: bool = False,
) -> TwoStageFit:
    """
    Args:
        read: n training questions.
        score: `[n, M]`; nan where an LLM has not answered.
        prior: each LLM's mean before any answer, `[M]`.
        kinds: U.
        most: answers of an incomplete table that are read; of a larger one, those of a random
            choice of questions.
        by_evidence: kernels of a complete table by marginal likelihood, not leave-one-out error.
    """
    answered = ~np.isnan(score)
    if answered.all():
        return _complete(read, score, prior, kinds, by_evidence)
    order = np.random.default_rng(0).permutation(np.flatnonzero(answered.any(1)))
    kept = np.sort(order[: max(1, int((answered[order].sum(1).cumsum() <= most).sum()))])
    if len(kept) < len(order):
        _log.warning("%d of %d answered questions are read", len(kept), len(order))
    part = ReadQuestions(read.phi[kept], read.kind[kept])
    fitted = _incomplete(part, score[kept], prior, kinds)
    left_out = fitted.means.raw(read)  # of questions that were not read, each is left out
    left_out[kept] = fitted.left_out
    return TwoStageFit(fitted.means, fitted.variance, left_out)


def _complete(
    read: ReadQuestions, score: Array, prior: Array, kinds: int, by_evidence: bool
) -> TwoStageFit:
    difficulty = likeliest_difficulty if by_evidence else best_difficulty
    ability = likeliest_ability if by_evidence else best_ability
    n, grams = len(score), Grams.of(read)
    level = _level(score, prior)
    mean_rest = (score - level).mean(1, keepdims=True)
    d = difficulty(grams, mean_rest, np.full(n, score.shape[1]))
    spread = (float(d.left_out.mean()), max(float(d.left_out.std()), 1e-6))
    z = (d.left_out - spread[0]) / spread[1]
    f = ability(grams, score - level - mean_rest, z)
    means = TwoStageMeans(
        level,
        LinearForm.of(d.kernel, read, d.dual, kinds),
        LinearForm.of(f.kernel, read, f.dual, kinds),
        f.slope * (z.T @ f.dual)[0],
        spread,
    )
    everyone = np.arange(n)
    variance = PosteriorVariance(
        read,
        _level_variance(score),
        Conditioned(d.kernel, everyone, d.inverse),
        (Conditioned(f.kernel, everyone, f.inverse),),
    )
    own = (score - level) / (n + ABILITY_COUNT - 1)  # what a question's own score adds to the level
    return TwoStageFit(means, variance, level - own + d.left_out + f.left_out)


def _incomplete(read: ReadQuestions, score: Array, prior: Array, kinds: int) -> TwoStageFit:
    grams = Grams.of(read)
    joint = joint_fit(grams, score, prior)
    answered = ~np.isnan(score)
    means = TwoStageMeans(
        joint.level,
        LinearForm.of(joint.difficulty, read, joint.difficulty_dual, kinds),
        LinearForm.of(joint.ability, read, joint.ability_dual, kinds),
        np.zeros(score.shape[1]),
        (0.0, 1.0),
    )
    shared, own = grams(joint.difficulty), grams(joint.ability)

    def conditioned(rows: Index) -> Conditioned:
        matrix = own[np.ix_(rows, rows)] + LUCK * np.eye(len(rows))
        return Conditioned(joint.ability, rows, inverse_of(matrix))

    noise = np.diag(QUESTION + LUCK / answered.sum(1))
    difficulty = Conditioned(joint.difficulty, np.arange(len(score)), inverse_of(shared + noise))
    abilities = tuple(conditioned(np.flatnonzero(column)) for column in answered.T)
    variance = PosteriorVariance(read, _level_variance(score), difficulty, abilities)
    return TwoStageFit(means, variance, joint.left_out)


def _level(score: Array, prior: Array) -> Array:
    """Mean scores of LLMs, shrunk towards what was known before, `[M]`."""
    level: Array = (score.sum(0) + ABILITY_COUNT * prior) / (len(score) + ABILITY_COUNT)
    return level


def _level_variance(score: Array) -> Array:
    variance: Array = 0.25 / ((~np.isnan(score)).sum(0) + ABILITY_COUNT)
    return variance
