r"""`UsageModel`: dollars, seconds or tokens of a call, log-linear, shrunk towards the profile.

.. math:: \log y = k_m + l_j + (g_0 + g_1 t_m) d_q + (b + b_m) \log_2(1 + n)
           + e_g + h_{mg} + N(0, v_m)

n messages that a call reads take time to read, and make an LLM answer longer or shorter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from abgnn.data.arrays import Array, Index, Mask
from abgnn.planning.observations import Observations
from abgnn.planning.prior import Prior

_NOISE, _NOISE_CALLS = 0.35, 20.0
TRUSTS = (0.05, 0.15, 0.5, 1.0)  # standard deviations of k around the profile, in logarithms
_SD, _READ_SD, _GROUP_SD = 0.2, 0.3, 0.3  # of roles, slopes and b; of b_m; of kinds of questions


@dataclass(frozen=True)
class UsageModel:
    """The posterior of one quantity: dollars, seconds or visible tokens of a call.

    Args:
        coef: mean of k `[M]`, l `[S]`, g0, g1, b, b_m `[M]`, and, with G > 1 kinds of questions,
            e `[G]` and h `[M · G]`, one after the other.
        covariance: of the same.
        backbones, groups: M, G.
        variance: v of single calls, `[M]`.
    """

    coef: Array
    covariance: Array
    backbones: int
    groups: int
    variance: Array

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
            first = self._kinds
            own = first + self.groups * (1 + backbone) + group
            for at in (first + group, own):
                log = log + (of[at] if drawn is None else of[at, np.arange(len(group))])
        return log

    def log_read(self, backbone: int, messages: int, drawn: Array | None = None) -> Array:
        """What reading so many messages adds to the logarithm; of drawn parameters `[V]`."""
        of, b = self.coef if drawn is None else drawn.T, self._slope + 2
        return np.asarray((of[b] + of[b + 1 + backbone]) * np.log2(1 + messages))

    def mean(
        self,
        backbone: int,
        slot: int,
        thinks: bool,
        difficulty: Array,
        group: Index | None = None,
    ) -> Array:
        """Expected bill at difficulties `[V]` of a call that reads no message."""
        log = self.log_mean(backbone, slot, thinks, difficulty, group)
        out: Array = np.exp(log + self.variance[backbone] / 2)
        return out

    def log_table(self, thinks: Mask, difficulty: Array, kinds: Array) -> Array:
        """Mean of the logarithm for Q questions, every role and LLM, `[Q, S, M]`.

        Args:
            thinks: `[M]`; difficulty: `[Q]`.
            kinds: one-hot, `[Q, G]`; a row of zeros where the kind is not known.
        """
        m, slope = self.backbones, self._slope
        level = self.coef[:m] + self.coef[m:slope, None]  # [S, M]
        by_difficulty = self.coef[slope] + self.coef[slope + 1] * thinks  # [M]
        log: Array = level + difficulty[:, None, None] * by_difficulty
        if self.groups > 1:
            first = self._kinds
            common = self.coef[first : first + self.groups]
            own = self.coef[first + self.groups :].reshape(m, self.groups)
            log = log + (kinds @ (common + own).T)[:, None]
        return log

    def draws(self, n: int, rng: np.random.Generator) -> Array:
        """n draws of the parameters, `[n, size]`."""
        drawn: Array = rng.multivariate_normal(self.coef, self.covariance, n, method="eigh")
        return drawn

    @property
    def _slope(self) -> int:
        return self._kinds - 3 - self.backbones

    @property
    def _kinds(self) -> int:
        """Where e begins."""
        return len(self.coef) - (self.groups * (1 + self.backbones) if self.groups > 1 else 0)


def fit_bill(
    observed: Observations, value: Array, profile: Prior, slots: int, start: Array
) -> UsageModel:
    """Ridge regression on logarithms; the trust in profiles is set by the evidence.

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
    common, kinds = slots + 3, x.shape[1] - 2 * m - slots - 3
    prior = np.concatenate([np.log(start) - 0.5 * _NOISE**2, np.zeros(x.shape[1] - m)])
    y = np.log(np.maximum(value, 1e-12)) - x @ prior
    others = np.repeat([_SD, _READ_SD, _GROUP_SD], [common, m, kinds])
    by = observed.backbone
    fits = [_ridge(x, y, by, m, 1 / np.append(np.full(m, sd), others) ** 2) for sd in TRUSTS]
    evidence = np.array([f.evidence for f in fits])
    weight = np.exp(evidence - logsumexp(evidence))
    away = np.array([f.away for f in fits])
    mean = weight @ away
    covariance: Array = np.einsum("k,kij->ij", weight, np.array([f.covariance for f in fits]))
    covariance += np.einsum("k,ki,kj->ij", weight, away - mean, away - mean)
    variance: Array = weight @ np.array([f.variance for f in fits])
    return UsageModel(prior + mean, covariance, m, groups, variance)


def _design(observed: Observations, profile: Prior, slots: int, groups: int) -> Array:
    """X of the regression, `[n, size]`."""
    m, n = len(profile.names), len(observed)
    rows, slope, kinds = np.arange(n), m + slots, 2 * m + slots + 3
    x = np.zeros((n, kinds + (groups * (1 + m) if groups > 1 else 0)))
    x[rows, observed.backbone] = 1.0
    x[rows, m + observed.slot] = 1.0
    difficulty = observed.difficulty[observed.query]
    x[:, slope], x[:, slope + 1] = difficulty, difficulty * profile.thinks[observed.backbone]
    x[:, slope + 2] = x[rows, slope + 3 + observed.backbone] = np.log2(1 + observed.n_messages)
    if groups > 1:
        group = observed.group[observed.query]
        x[rows, kinds + group] = 1.0
        x[rows, kinds + groups * (1 + observed.backbone) + group] = 1.0
    return x


@dataclass(frozen=True)
class _Ridge:
    away: Array
    covariance: Array
    variance: Array
    evidence: float


def _ridge(x: Array, y: Array, by: Index, m: int, precision: Array) -> _Ridge:
    """Deviations from the prior, with the variance of each LLM's calls; evidence of y under it.

    Args:
        x: `[n, size]`; y: what the prior leaves, `[n]`.
        by: whose call it is, of M LLMs, `[n]`.
        precision: of the prior, `[size]`.
    """
    calls, variance = np.bincount(by, minlength=m), np.full(m, _NOISE**2)
    for last in (False, False, False, False, True):
        weighted = x.T / variance[by]
        system = weighted @ x + np.diag(precision)
        away = np.linalg.solve(system, weighted @ y)
        if not last:
            wrong = np.bincount(by, (y - x @ away) ** 2, minlength=m)
            variance = (_NOISE_CALLS * _NOISE**2 + wrong) / (_NOISE_CALLS + calls)
    fit = float(((y - x @ away) ** 2 / variance[by]).sum()) + float(precision @ away**2)
    volume = calls @ np.log(variance) + np.linalg.slogdet(system)[1] - np.log(precision).sum()
    covariance = np.linalg.inv(system).astype(np.float64)
    return _Ridge(away.astype(np.float64), covariance, variance, -0.5 * (fit + float(volume)))
