"""Which kind of beliefs to trust: the one with the least leave-one-out error of differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from abgnn.data.arrays import Array
from abgnn.errors import ConfigError
from abgnn.planning.beliefs import Beliefs
from abgnn.planning.two_stage_fit import difference_error


@dataclass(frozen=True)
class FittedBeliefs:
    """One kind of beliefs, fitted.

    Args:
        name: of the kind.
        beliefs: fitted to all training questions.
        left_out: what it believes of training questions that it was not fitted to, `[n, M]`; for
            beliefs without data, what they believe.
    """

    name: str
    beliefs: Beliefs
    left_out: Array


def choose_beliefs(
    candidates: Sequence[FittedBeliefs], score: Array
) -> tuple[FittedBeliefs, dict[str, float]]:
    """The candidate with the least error, and every candidate's.

    Errors are of differences between LLMs, which alone decide a choice. The first candidate stays
    unless another's error is less by more than a standard error, question by question.

    Args:
        candidates: at least one, the one that is preferred first.
        score: of every LLM on every training question, `[n, M]`; nan where it has not answered.
    """
    if not candidates:
        raise ConfigError("candidates", [], "at least one kind of beliefs")
    for candidate in candidates:
        if candidate.left_out.shape != score.shape:
            field = f"left_out of {candidate.name}"
            raise ConfigError(field, candidate.left_out.shape, f"as scores, {score.shape}")
    errors = {c.name: difference_error(score, c.left_out) for c in candidates}
    first = candidates[0]
    best = min(candidates, key=lambda c: errors[c.name])
    return (best if _clearly_less(score, best.left_out, first.left_out) else first), errors


def _clearly_less(score: Array, one: Array, other: Array) -> bool:
    """Whether the error of `one` is less than that of `other` by more than a standard error."""
    gain = np.array(
        [difference_error(s[None], b[None]) - difference_error(s[None], a[None])
         for s, a, b in zip(score, one, other, strict=True) if not np.isnan(s).all()]
    )  # fmt: skip
    return bool(gain.mean() > gain.std() / len(gain) ** 0.5)
