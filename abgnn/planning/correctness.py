r"""P(a call is right): a hierarchical logistic model with a random query effect.

.. math::
    \mathrm{logit} P(ok) = i_0 + i_1 t_m + a_m + r_j + \rho_j t_m + b \, d_q + e_g + h_{mg}
    + u_q + M, \qquad u_q \sim N(0, s^2)

    M = \log_2(1 + n) [\varphi (w_+ + v_+ c_m) + (1 - \varphi)(w_- + v_- c_m)]

with n messages read, the share φ of them right, thinking flag t, capability c of the reader; the
message weights of the decision agent are its own. The prior mean of an ability :math:`a_m` is what
the published score says; how far it may be trusted (τ) is decided by the evidence, and a guessed
one (`Prior.guess_sd`) is trusted less. Where questions are of several kinds g, so is how much a
backbone is better at one kind than at another (:math:`h_{mg} \sim N(0, \sigma_h^2)`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logsumexp

from abgnn.data.arrays import Array
from abgnn.planning.correctness_layout import Layout
from abgnn.planning.observations import Observations
from abgnn.planning.prior import Prior
from abgnn.planning.quadrature import LOG_WEIGHTS, NODES, Likelihood, antithetic

TAUS = (0.08, 0.2, 0.4, 0.8)
KIND_EFFECTS = (0.15, 0.5, 1.2)  # σ_h
_SPREAD, _SPREAD_QUERIES = 1.6, 20.0


@dataclass(frozen=True)
class Correctness:
    """A posterior N(mean, covariance) over θ, and s.

    Args:
        layout: of the parameters.
        mean: `[size]`; covariance: `[size, size]`.
        query_sd: s.
        tau: posterior weights of `TAUS`, `[4]`.
        kind_effect: posterior weights of `KIND_EFFECTS`; with one kind of question `[1]`.
    """

    layout: Layout
    mean: Array
    covariance: Array
    query_sd: float
    tau: Array
    kind_effect: Array

    def draws(self, n: int, rng: np.random.Generator) -> Array:
        """n draws of θ in antithetic pairs, `[n, size]`."""
        return antithetic(self.mean, self.covariance, n, rng)


def solo_ability(accuracy: Array, spread: float) -> Array:
    """a with E sigmoid(a + spread · x) = accuracy for x ~ N(0, 1), `[M]`, by bisection."""
    low, high = np.full(len(accuracy), -20.0), np.full(len(accuracy), 20.0)
    weights = np.exp(LOG_WEIGHTS)
    for _ in range(50):
        middle = (low + high) / 2
        mean = expit(middle[:, None] + spread * NODES) @ weights
        low, high = np.where(mean < accuracy, middle, low), np.where(mean < accuracy, high, middle)
    return low


@dataclass
class _State:
    theta: Array
    spread: float


def fit_correctness(
    observed: Observations, profile: Prior, slots: int, lead: int = 0
) -> Correctness:
    """EM with Gauss-Hermite quadrature for each τ and σ_h, averaged by their evidence."""
    groups = int(observed.group.max()) + 1 if len(observed.group) else 1
    layout = Layout(len(profile.names), slots, lead, groups)
    x = layout.features(
        profile,
        observed.backbone,
        observed.slot,
        observed.difficulty[observed.query],
        observed.n_messages,
        observed.share_right,
        observed.group[observed.query],
    )
    state: _State | None = None
    fits = []
    kind_effects = KIND_EFFECTS if groups > 1 else KIND_EFFECTS[:1]
    for kind_effect in kind_effects:
        for tau in TAUS:
            fit = _Fit(x, observed, profile, layout, tau, kind_effect)
            state = fit.run(state, 20 if state is None else 8)
            fits.append((state, *fit.posterior(state)))
    evidence = np.array([e for _, _, e in fits])
    weight = np.exp(evidence - logsumexp(evidence))
    thetas = np.array([s.theta for s, _, _ in fits])
    mean = weight @ thetas
    away = thetas - mean
    covariance = np.einsum("k,kij->ij", weight, np.array([c for _, c, _ in fits]))
    covariance += np.einsum("k,ki,kj->ij", weight, away, away)
    spread = float(weight @ np.array([s.spread for s, _, _ in fits]))
    grid = weight.reshape(len(kind_effects), len(TAUS))
    return Correctness(layout, mean, covariance, spread, grid.sum(0), grid.sum(1))


class _Fit:
    """One τ and σ_h."""

    def __init__(
        self,
        x: Array,
        observed: Observations,
        profile: Prior,
        layout: Layout,
        tau: float,
        kind_effect: float,
    ) -> None:
        self.calls = Likelihood(x, observed.right, observed.query, observed.n_queries)
        self.kind_effect = kind_effect
        self.profile, self.layout, self.tau = profile, layout, tau

    def run(self, start: _State | None, steps: int) -> _State:
        """EM; a start of another τ keeps its deviations from the prior in units of it."""
        calls = self.calls
        state = start or _State(
            self._prior(_State(self.layout.prior(1, _SPREAD)[0], _SPREAD))[0], _SPREAD
        )
        state = _State(state.theta.copy(), state.spread)
        for _ in range(steps):
            weight, _ = calls.nodes(state.theta, state.spread)
            mean, precision = self._prior(state)
            gradient, hessian = calls.newton(state.theta, state.spread, weight, mean, precision)
            state.theta = state.theta + np.clip(np.linalg.solve(hessian, gradient), -1, 1)
            state.spread = next_spread(calls, weight, state.spread)
        return state

    def posterior(self, state: _State) -> tuple[Array, float]:
        """Covariance by the observed information, and the log evidence (Laplace)."""
        mean, precision = self._prior(state)
        _, log_likelihood = self.calls.nodes(state.theta, state.spread)
        covariance, volume = self.calls.covariance(state.theta, state.spread, mean, precision)
        away = state.theta - mean
        evidence = log_likelihood - 0.5 * float(precision @ away**2)
        evidence += 0.5 * float(np.log(precision).sum() - volume)
        return covariance, evidence

    def _prior(self, state: _State) -> tuple[Array, Array]:
        """Mean and precision of θ; abilities where published scores put them now."""
        mean, _ = self.layout.prior(self.tau, state.spread)
        total = float(np.hypot(state.theta[self.layout.slope], state.spread))
        mean[self.layout.ability] = solo_ability(self.profile.accuracy, total)
        _, sd = self.layout.prior(self.tau, total, self.kind_effect)
        sd[self.layout.ability] = np.hypot(sd[self.layout.ability], self.profile.doubt)
        return mean, 1 / sd**2


def next_spread(calls: Likelihood, weight: Array, spread: float) -> float:
    """s after one EM step: as if 20 questions more had been seen, with s = 1.6."""
    if not len(calls.right):
        return _SPREAD
    seen = len(np.unique(calls.query))
    total = _SPREAD_QUERIES * _SPREAD**2 + (weight @ (spread * NODES) ** 2).sum()
    total -= (calls.n_queries - seen) * spread**2  # their posterior is the prior: they say nothing
    return float(np.sqrt(total / (_SPREAD_QUERIES + seen)))
