"""Which kind of beliefs to trust: the one with the least leave-one-out error of differences."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from abgnn.data.arrays import Array
from abgnn.errors import ConfigError
from abgnn.planning.two_stage_fit import difference_error

_CLEARLY = 2.0


def choose_beliefs(left_out: Mapping[str, Array], score: Array) -> tuple[str, dict[str, float]]:
    """Name of the kind with the least error, and every kind's.

    Errors are of differences between LLMs, which alone decide a choice. The first kind stays
    unless another's error is less by more than two standard errors, question by question.

    Args:
        left_out: what each kind believes of training questions that it was not fitted to,
            `[n, M]`; for beliefs without data, what they believe. The preferred kind first.
        score: of every LLM on every training question, `[n, M]`; nan where it has not answered.
    """
    if not left_out:
        raise ConfigError("left_out", {}, "at least one kind of beliefs")
    for name, predicted in left_out.items():
        if predicted.shape != score.shape:
            raise ConfigError(f"left_out of {name}", predicted.shape, f"as scores, {score.shape}")
    errors = {name: difference_error(score, predicted) for name, predicted in left_out.items()}
    first = next(iter(left_out))
    best = min(errors, key=lambda name: errors[name])
    return (best if _clearly_less(score, left_out[best], left_out[first]) else first), errors


def _clearly_less(score: Array, one: Array, other: Array) -> bool:
    """Whether the error of `one` is less than that of `other` by more than two standard errors."""
    gain = np.array(
        [difference_error(s[None], b[None]) - difference_error(s[None], a[None])
         for s, a, b in zip(score, one, other, strict=True) if not np.isnan(s).all()]
    )  # fmt: skip
    return bool(gain.mean() > _CLEARLY * gain.std() / len(gain) ** 0.5)
