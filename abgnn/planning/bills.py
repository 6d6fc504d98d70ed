r"""What a call costs, takes and says: log-linear models shrunk towards the profile.

.. math:: \log y = k_m + l_j + (g_0 + g_1 t_m) d_q + e_g + h_{mg} + N(0, v)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from abgnn.planning.observations import Observations
from abgnn.planning.profile import Profile

Array = NDArray[np.float64]
Index = NDArray[np.int64]
_NOISE, _NOISE_CALLS = 0.35, 20.0
TRUSTS = (0.05, 0.15, 0.5, 1.0)  # standard deviations of k around the profile, in logarithms
_SD, _GROUP_SD = 0.2, 0.3  # of roles and slopes; of kinds of questions


@dataclass(frozen=True)
class Bill:
    """A posterior of one kind of bill.

    Args:
        coef: mean of k `[M]`, l `[S]`, g0, g1, and, with G > 1 kinds of questions, e `[G]` and h
            `[M · G]`, one after the other.
        covariance: of the same.
        backbones, groups: M, G.
        variance: v of single calls.
    """

    coef: Array
    covariance: Array
    backbones: int
    groups: int
    variance: float

    @property
    def base(self) -> Array:
        """k, `[M]`."""
        return self.coef[: self.backbones]

    @property
    def base_sd(self) -> Array:
        """Standard deviation of k, `[M]`."""
        spread: Array = np.sqrt(np.diag(self.covariance)[: self.backbones])
        return spread

    def log_mean(
        self,
        backbone: int,
        slot: int,
        thinks: bool,
        difficulty: Array,
        group: Index | None = None,
        drawn: Array | None = None,
    ) -> Array:
        """Mean of the logarithm at V difficulties and kinds; of drawn parameters `[V, size]`."""
        of = self.coef if drawn is None else drawn.T  # [size] or [size, V]
        slope = self._slope
        log: Array = of[backbone] + of[self.backbones + slot]
        log = log + (of[slope] + of[slope + 1] * thinks) * difficulty
        if self.groups > 1 and group is not None:
            own = slope + 2 + self.groups * (1 + backbone) + group
            for at in (slope + 2 + group, own):
                log = log + (of[at] if drawn is None else of[at, np.arange(len(group))])
        return log

    def mean(
        self,
        backbone: int,
        slot: int,
        thinks: bool,
        difficulty: Array,
        group: Index | None = None,
    ) -> Array:
        """Expected bill at difficulties `[V]`."""
        log = self.log_mean(backbone, slot, thinks, difficulty, group)
        out: Array = np.exp(log + self.variance / 2)
        return out

    def draws(self, n: int, rng: np.random.Generator) -> Array:
        """n draws of the parameters, `[n, size]`."""
        drawn: Array = rng.multivariate_normal(self.coef, self.covariance, n, method="eigh")
        return drawn

    @property
    def _slope(self) -> int:
        extra = self.groups * (1 + self.backbones) if self.groups > 1 else 0
        return len(self.coef) - 2 - extra


def fit_bill(
    observed: Observations, value: Array, profile: Profile, slots: int, start: Array
) -> Bill:
    """Ridge regression on logarithms; how far profiles are trusted is decided by the evidence.

    Args:
        observed: the calls.
        value: what is billed, `[n]`, above 0.
        profile: the backbones.
        slots: S.
        start: what the profile expects, `[M]`.
    """
    m = len(profile.names)
    groups = int(observed.group.max()) + 1 if len(observed.group) else 1
    x = _design(observed, profile, slots, groups)
    extra = x.shape[1] - m - slots - 2
    prior = np.concatenate([np.log(start) - 0.5 * _NOISE**2, np.zeros(slots + 2 + extra)])
    y = np.log(np.maximum(value, 1e-12)) - x @ prior
    others = np.concatenate([np.full(slots + 2, _SD), np.full(extra, _GROUP_SD)])
    found = [_ridge(x, y, 1 / np.concatenate([np.full(m, sd), others]) ** 2) for sd in TRUSTS]
    evidence = np.array([f.evidence for f in found])
    weight = np.exp(evidence - logsumexp(evidence))
    away = np.array([f.away for f in found])
    mean = weight @ away
    covariance: Array = np.einsum("k,kij->ij", weight, np.array([f.covariance for f in found]))
    covariance += np.einsum("k,ki,kj->ij", weight, away - mean, away - mean)
    variance = float(weight @ np.array([f.variance for f in found]))
    return Bill(prior + mean, covariance, m, groups, variance)


def _design(observed: Observations, profile: Profile, slots: int, groups: int) -> Array:
    """X of the regression, `[n, size]`."""
    m, n = len(profile.names), len(observed)
    extra = groups * (1 + m) if groups > 1 else 0
    x = np.zeros((n, m + slots + 2 + extra))
    rows, slope = np.arange(n), m + slots
    x[rows, observed.backbone] = 1.0
    x[rows, m + observed.slot] = 1.0
    difficulty = observed.difficulty[observed.query]
    x[:, slope], x[:, slope + 1] = difficulty, difficulty * profile.thinks[observed.backbone]
    if extra:
        group = observed.group[observed.query]
        x[rows, slope + 2 + group] = 1.0
        x[rows, slope + 2 + groups * (1 + observed.backbone) + group] = 1.0
    return x


@dataclass(frozen=True)
class _Ridge:
    away: Array
    covariance: Array
    variance: float
    evidence: float


def _ridge(x: Array, y: Array, precision: Array) -> _Ridge:
    """Deviations from the prior, with the variance of calls; evidence of y under it."""
    n, variance = len(y), _NOISE**2
    for _ in range(4):
        system = x.T @ x / variance + np.diag(precision)
        away = np.linalg.solve(system, x.T @ y / variance)
        wrong = float(((y - x @ away) ** 2).sum())
        variance = (_NOISE_CALLS * _NOISE**2 + wrong) / (_NOISE_CALLS + n)
    system = x.T @ x / variance + np.diag(precision)
    away = np.linalg.solve(system, x.T @ y / variance)
    fit = float(((y - x @ away) ** 2).sum()) / variance + float(precision @ away**2)
    volume = n * np.log(variance) + np.linalg.slogdet(system)[1] - np.log(precision).sum()
    covariance = np.linalg.inv(system).astype(np.float64)
    return _Ridge(away.astype(np.float64), covariance, variance, -0.5 * (fit + float(volume)))
