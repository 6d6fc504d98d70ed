"""`OutcomeModel`: accuracy, tokens, USD and seconds of every call, from few rollouts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from abgnn.data.arrays import Array
from abgnn.data.template import Template
from abgnn.planning.correctness import Correctness, fit_correctness
from abgnn.planning.observations import Observations
from abgnn.planning.prior import Prior
from abgnn.planning.usage_model import UsageModel, fit_bill


@dataclass(frozen=True)
class OutcomeModel:
    """The fitted model of M backbones in the S roles of a template.

    Without observations it is the profiles alone.

    Args:
        profile: the prior.
        slots: names of the roles, the decision agent's last.
        correct: whether calls are right.
        usd: dollars of a call without what it reads; seconds: of service; visible: tokens that
            readers read.
        difficulty: standardised difficulty of the training questions, `[Q]`: the mix of
            questions that plans are judged on.
        group: kinds of the training questions, `[Q]`.
        calls: how many were observed.
    """

    profile: Prior
    slots: tuple[str, ...]
    correct: Correctness
    usd: UsageModel
    seconds: UsageModel
    visible: UsageModel
    difficulty: Array
    group: NDArray[np.int64]
    calls: int

    @classmethod
    def fit(cls, observed: Observations, profile: Prior, template: Template) -> OutcomeModel:
        """Empirical Bayes; about a second for a thousand calls."""
        names = tuple(role.name for role in template.roles)
        n, m = len(names), len(profile.names)
        length = np.full(m, profile.answer_tokens)
        return cls(
            profile,
            names,
            fit_correctness(observed, profile, n, template.lead),
            fit_bill(observed, observed.usd, profile, n, profile.usd),
            fit_bill(observed, observed.seconds, profile, n, profile.seconds),
            fit_bill(observed, observed.visible, profile, n, length),
            observed.difficulty,
            observed.group,
            len(observed),
        )

    def solo(self, slot: int = 0, draws: int = 200, seed: int = 0) -> tuple[Array, Array, Array]:
        """Accuracy of each backbone alone in a role: mean, and the middle 90 %, `[M]` each."""
        rng = np.random.default_rng(seed)
        layout, m = self.correct.layout, len(self.profile.names)
        rows = np.arange(m)
        at = rng.integers(len(self.difficulty), size=400) if len(self.difficulty) else np.zeros(0)
        nodes, kinds = self.mix(at.astype(np.int64), 400)
        noise = self.correct.query_sd * rng.standard_normal(400)
        theta = self.correct.draws(draws, rng)
        zero = np.zeros(m)
        x = layout.features(self.profile, rows, np.full(m, slot), zero, zero, zero)  # [M, size]
        logit = (theta @ x.T)[:, :, None] + theta[:, layout.slope, None, None] * nodes + noise
        if layout.groups > 1:
            own = layout.kind_effect.start + layout.groups * rows[:, None] + kinds  # [M, 400]
            logit = logit + theta[:, None, layout.group.start + kinds] + theta[:, own]
        accuracy = expit(logit).mean(-1)  # [draws, M]
        low, high = np.quantile(accuracy, (0.05, 0.95), axis=0)
        return accuracy.mean(0), low, high

    def mix(self, at: NDArray[np.int64], n: int) -> tuple[Array, NDArray[np.int64]]:
        """Difficulty and kind of training questions; n average ones where none is known."""
        if not len(self.difficulty):
            return np.zeros(n), np.zeros(n, dtype=np.int64)
        return self.difficulty[at], self.group[at]
