"""Evidence of one answer alone: whether a program passes its examples, or how a text is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import expit

from abgnn.data.arrays import Array, Index, Mask
from abgnn.errors import ConfigError

BINS, BINS_OF_TWO, FOLDS = 4, 8, 5
"""Bins of a text: more where only two LLMs answer, since all ways to answer are looked through."""
COUNT = 10.0
"""Programs that the shares of all LLMs weigh as much as, for each LLM's own."""
RIDGE, OWN_RIDGE = 3.0, 12.0
"""Precision of the slopes that LLMs share, and of what each has of its own."""
MOST_SPREADS = 3.0
"""From the mean that a feature counts: what nearly all of an LLM's texts share has hardly any."""
SLOPE_PRECISION = 4.0
"""Of the slope of P(right) in the cross-fitted logit, around 1."""
PASSING = 3
"""Bins of a program: not run, for want of examples or of a program; fails; passes."""


@dataclass(frozen=True)
class FormScale:
    """How an LLM's texts are sorted into bins of equal size, from likely wrong to likely right.

    Args:
        centre, spread: of the LLM's features, F each.
        slopes: of the standardised features, F.
        edges: between the bins, ascending.
    """

    centre: tuple[float, ...]
    spread: tuple[float, ...]
    slopes: tuple[float, ...]
    edges: tuple[float, ...]

    @classmethod
    def from_dict(cls, data: Mapping[str, Sequence[float]]) -> FormScale:
        """As JSON has it."""
        return cls(**{name: tuple(map(float, values)) for name, values in data.items()})

    def __call__(self, features: Sequence[float]) -> int:
        """The bin of a text with such features."""
        return int(self.bins(self.logits(np.asarray(features))))

    def logits(self, features: Array) -> Array:
        """Of being right, but for a constant, `[..., F]` to `[...]`."""
        at = _clipped((features - np.array(self.centre)) / np.array(self.spread))
        out: Array = at @ np.array(self.slopes)
        return out

    def bins(self, logits: Array) -> Index:
        """Where these lie among the edges."""
        out: Index = np.searchsorted(self.edges, logits, side="right")
        return out


@dataclass(frozen=True)
class Forms:
    """
    Args:
        right, wrong: P(bin | right) and P(bin | wrong), `[M, B]`.
        scales: of each LLM's texts; empty: bins are how programs fare with public examples.
    """

    right: Array
    wrong: Array
    scales: tuple[FormScale, ...] = ()

    def __post_init__(self) -> None:
        if self.right.shape != self.wrong.shape or self.right.ndim != 2:
            raise ConfigError("Forms.right, wrong", self.right.shape, "LLMs × bins, both")


def program_bin(passes: bool | None) -> int:
    """0: not run; 1: fails the public examples; 2: passes them."""
    return 0 if passes is None else 1 + int(passes)


def forms_of_programs(bins: Index, right: Array) -> Forms:
    """Shares of programs that were not run, failed, passed, among right and among wrong ones.

    Whether a question has examples tells nothing of its programs: what is not run is as likely
    among right ones as among wrong ones.

    Args:
        bins: 0, 1 or 2 of each answer, −1 where there is none, `[n, M]`.
        right: scores; nan where there is no answer, `[n, M]`.
    """
    there = bins >= 0
    unrun = float((there & (bins == 0)).sum() + 1) / float(there.sum() + PASSING)
    ran = _shares(np.where(bins > 0, bins - 1, -1), right, PASSING - 1)
    right_too, wrong_too = (
        np.pad((1 - unrun) * each, ((0, 0), (1, 0)), constant_values=unrun) for each in ran
    )
    return Forms(right_too, wrong_too)


def forms_of_texts(features: Array, right: Array) -> tuple[Forms, Index]:
    """A ridge logit of being right, by LLM, in bins; and each answer's, by the logit of others.

    Slopes are shared with what each LLM has of its own. Logits, bins and shares are cross-fitted in
    5 folds of questions: an answer has not chosen its own. Shares are those that the answers'
    probabilities come to, not counts of right ones, so that a bin of few tells no more than its
    logit says.

    Args:
        features: of each answer, `[n, M, F]`.
        right: scores; nan where there is no answer, `[n, M]`.

    Returns:
        the forms, and bins `[n, M]`, −1 where there is no answer.
    """
    n, m = right.shape
    count = BINS_OF_TWO if m <= 2 else BINS
    fold = np.random.default_rng(0).permutation(n) % min(FOLDS, n)
    bins, logits = np.full((n, m), -1), np.zeros((n, m))
    for k in np.unique(fold):
        own = fold == k
        rest = ~own if not own.all() else own
        for llm, scale in enumerate(_Logit(features[rest], right[rest], count).scales):
            logits[own, llm] = scale.logits(features[own, llm])
            bins[own, llm] = scale.bins(logits[own, llm])
    bins[np.isnan(right)] = -1
    columns = zip(bins.T, logits.T, right.T, strict=True)
    made = np.array([_smooth_shares(*column, count) for column in columns])  # [M, 2, B]
    return Forms(made[:, 0], made[:, 1], _Logit(features, right, count).scales), bins


def _smooth_shares(bins: Index, logits: Array, right: Array, count: int) -> tuple[Array, Array]:
    """P(bin | right) and P(bin | wrong) of an LLM, `[B]` each, by P(right) = σ(a logit + b); a has
    a normal prior around 1. Each bin has one more answer, of the mean probability."""
    there = bins >= 0
    z, y, at = logits[there], right[there], bins[there]
    design = np.stack([z, np.ones_like(z)], 1)
    precision, aim = np.array([SLOPE_PRECISION, 0.1]), np.array([1.0, 0.0])
    p = expit(design @ _newton(design, y, precision, aim))
    mean = float(p.mean()) if len(p) else 0.5
    out = []
    for weight, average in ((p, mean), (1 - p, 1 - mean)):
        made = np.bincount(at, weight, minlength=count) + average
        out.append(made / made.sum())
    return out[0], out[1]


def _shares(bins: Index, right: Array, count: int) -> tuple[Array, Array]:
    """P(bin | right) and P(bin | wrong) of each LLM, shrunk towards all LLMs', `[M, B]` each."""
    score = np.nan_to_num(right)
    there = ~np.isnan(right) & (bins >= 0)
    one_hot = (bins[..., None] == np.arange(count)) & there[..., None]  # [n, M, B]
    out = []
    for weight in (score, 1 - score):
        seen = np.einsum("nm,nmb->mb", weight, one_hot)
        overall = (seen.sum(0) + 1.0) / (seen.sum() + count)
        out.append((seen + COUNT * overall) / (seen.sum(1, keepdims=True) + COUNT))
    return out[0], out[1]


class _Logit:
    """Being right, by features standardised within each LLM.

    Args:
        features: of each answer, `[n, M, F]`.
        right: scores; nan where there is no answer, `[n, M]`.
        count: bins.
    """

    def __init__(self, features: Array, right: Array, count: int) -> None:
        self.answered: Mask = ~np.isnan(right)
        known = np.where(self.answered[..., None], features, np.nan)
        with np.errstate(invalid="ignore"):
            self.centre = _mean(known, self.answered)
            self.spread = np.sqrt(_mean(np.square(known - self.centre), self.answered)) + 1e-3
        at = _clipped((known - self.centre) / self.spread)
        self.at = np.where(self.answered[..., None], at, 0.0)
        self.right, self.count = right, count

    @cached_property
    def scales(self) -> tuple[FormScale, ...]:
        out = []
        for llm, slopes in enumerate(self.slopes):
            value = self.at[self.answered[:, llm], llm] @ slopes
            inner = np.arange(1, self.count) / self.count
            edges = np.quantile(value, inner) if len(value) else np.zeros(self.count - 1)
            rows = (self.centre[llm], self.spread[llm], slopes, edges)
            out.append(FormScale(*(tuple(row.tolist()) for row in rows)))
        return tuple(out)

    @cached_property
    def slopes(self) -> Array:
        """Of each LLM: shared and own ones, MAP, `[M, F]`."""
        rows, llm = np.nonzero(self.answered)
        at, y = self.at[rows, llm], self.right[rows, llm]
        m, f = self.answered.shape[1], at.shape[1]
        own = np.eye(m)[llm]  # [N, M]
        design = np.concatenate([at, (own[:, :, None] * at[:, None]).reshape(-1, m * f), own], 1)
        precision = np.r_[np.full(f, RIDGE), np.full(m * f, OWN_RIDGE), np.full(m, 0.1)]
        theta = _newton(design, y, precision, np.zeros(design.shape[1]))
        out: Array = theta[:f] + theta[f : f + m * f].reshape(m, f)
        return out


def _newton(design: Array, y: Array, precision: Array, aim: Array) -> Array:
    """MAP of a logit by Newton's steps; normal priors around `aim`."""
    theta = aim.copy()
    for _ in range(12):
        p = expit(design @ theta)
        curve = (design * (p * (1 - p))[:, None]).T @ design + np.diag(precision)
        theta = theta + np.linalg.solve(curve, design.T @ (y - p) - precision * (theta - aim))
    return theta


def _clipped(at: Array) -> Array:
    return np.clip(at, -MOST_SPREADS, MOST_SPREADS)


def _mean(values: Array, there: Mask) -> Array:
    """Over questions, 0 where an LLM has answered none, `[M, F]`."""
    count = np.maximum(there.sum(0), 1)[:, None]
    out: Array = np.where(there[..., None], values, 0.0).sum(0) / count
    return out
