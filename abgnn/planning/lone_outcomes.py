"""`LoneOutcomes`: what single LLMs made of training questions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from abgnn.data.arrays import Array, Index, Mask
from abgnn.errors import ConfigError


@dataclass(frozen=True)
class LoneOutcomes:
    """Q questions × M LLMs that answered alone; nan where an LLM has not answered.

    Args:
        score: in [0, 1], `[Q, M]`.
        usd, seconds: of the call, `[Q, M]`.

    Raises:
        ConfigError: shapes that differ, a score outside [0, 1], or not one answer.
    """

    score: Array
    usd: Array
    seconds: Array

    def __post_init__(self) -> None:
        for field in ("usd", "seconds"):
            if getattr(self, field).shape != self.score.shape:
                shape = getattr(self, field).shape
                raise ConfigError(f"LoneOutcomes.{field}", shape, f"as score, {self.score.shape}")
        seen = self.score[self.answered]
        if not seen.size:
            raise ConfigError("LoneOutcomes.score", "no answer", "at least one answer")
        if not ((seen >= 0) & (seen <= 1)).all():
            raise ConfigError("LoneOutcomes.score", float(seen.max()), "numbers from 0 to 1")

    @property
    def answered(self) -> Mask:
        """Which LLM has answered which question, `[Q, M]`."""
        answered: Mask = ~np.isnan(self.score)
        return answered

    @property
    def complete(self) -> bool:
        """Whether every LLM has answered every question."""
        return bool(self.answered.all())

    def rows(self, at: Index | Mask) -> LoneOutcomes:
        """Those of some questions: indices or a mask."""
        return LoneOutcomes(self.score[at], self.usd[at], self.seconds[at])
