"""`Prior`: published figures of backbones, the outcome model's prior before any call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abgnn.data.arrays import Array
from abgnn.data.catalogue import Catalogue
from abgnn.errors import ConfigError
from abgnn.pools.estimates import DOMAINS, expected_accuracy, guess_sd, triples


@dataclass(frozen=True)
class Prior:
    """Published or estimated figures of M backbones.

    Args:
        names: of the backbones.
        accuracy: expected share of questions that a lone call solves, in (0, 1), `[M]`.
        usd, seconds: of one call that reads no message, `[M]`.
        thinks: whether it reasons before it answers, `[M]` bool.
        price_in: USD per prompt token, `[M]`.
        answer_tokens: visible tokens of a typical answer.
        guess_sd: how far off the accuracy may be, beside what a published score may, where there
            is none: standard deviation of its logit, `[M]`; None: 0, every score is published.
        weights: which weights answer, equal for the modes of one model, M names; empty: of 0.1.
    """

    names: tuple[str, ...]
    accuracy: Array
    usd: Array
    seconds: Array
    thinks: NDArray[np.bool_]
    price_in: Array
    answer_tokens: float
    guess_sd: Array | None = None
    weights: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for field in ("accuracy", "usd", "seconds", "thinks", "price_in", "doubt"):
            value = getattr(self, field)
            if value.shape != (len(self.names),):
                raise ConfigError(f"Profile.{field}", value.shape, f"({len(self.names)},)")
        if not ((self.accuracy > 0) & (self.accuracy < 1)).all():
            raise ConfigError("Profile.accuracy", self.accuracy.tolist(), "between 0 and 1")
        for field in ("usd", "seconds"):
            if not (getattr(self, field) > 0).all():
                raise ConfigError(f"Profile.{field}", getattr(self, field).tolist(), "above 0")

    @classmethod
    def of(
        cls,
        catalogue: Catalogue,
        domain: str,
        measured: dict[str, tuple[float, float]] | None = None,
    ) -> Prior:
        """From a catalogue: scores, prices, parameters; measured USD and seconds go first."""
        backbones = tuple(catalogue)
        known = triples(catalogue, domain, measured)
        accuracy = [expected_accuracy(b, domain, backbones) for b in backbones]
        doubts = np.array([guess_sd(b, domain, backbones) for b in backbones])
        return cls(
            names=known.names,
            accuracy=np.clip(accuracy, 0.005, 0.995),
            usd=np.maximum(known.cost, 1e-9),
            seconds=known.latency,
            thinks=np.array([b.type == "reasoning" for b in backbones]),
            price_in=np.array([b.price_in for b in backbones]) * 1e-6,
            answer_tokens=DOMAINS[domain].answer_tokens,
            guess_sd=doubts if doubts.any() else None,
            weights=tuple(b.weights for b in backbones),
        )

    @property
    def doubt(self) -> Array:
        """`guess_sd`, 0 where nothing is guessed, `[M]`."""
        return np.zeros(len(self.names)) if self.guess_sd is None else self.guess_sd

    @property
    def capability(self) -> Array:
        """c of the message terms, from −1.5 to 1.2, `[M]`."""
        return np.clip((self.accuracy - 0.8) / 0.15, -1.5, 1.2)

    def perturbed(self, noise: float, seed: int) -> Prior:
        """A copy with errors: scores by N(0, noise) in logit, USD and seconds by its exp."""
        rng = np.random.default_rng(seed)
        wrong = rng.normal(0, noise, (3, len(self.names)))
        logit = np.log(self.accuracy / (1 - self.accuracy)) + wrong[0]
        return Prior(
            self.names,
            np.clip(1 / (1 + np.exp(-logit)), 0.005, 0.995),
            self.usd * np.exp(wrong[1]),
            self.seconds * np.exp(wrong[2]),
            self.thinks,
            self.price_in,
            self.answer_tokens,
            self.guess_sd,
        )

    def index(self, names: Sequence[str]) -> list[int]:
        """Places of names in it."""
        for name in names:
            if name not in self.names:
                raise ConfigError("backbone", name, ", ".join(self.names))
        return [self.names.index(name) for name in names]
