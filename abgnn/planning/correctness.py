r"""P(a call is right): a hierarchical logistic model with a random query effect.

.. math::
    \mathrm{logit} P(ok) = i_0 + i_1 t_m + a_m + r_j + \rho_j t_m + b \, d_q + e_g + h_{mg}
    + u_q + M, \qquad u_q \sim N(0, s^2)

    M = \log_2(1 + n) [\varphi (w_+ + v_+ c_m) + (1 - \varphi)(w_- + v_- c_m)]

with n messages read, the share φ of them right, thinking flag t, capability c of the reader; the
message weights of the decision agent are its own. The prior mean of an ability :math:`a_m` is what
the published score says; how far it may be trusted (τ) is decided by the evidence. Where questions
are of several kinds g, so is how much a backbone is better at one kind than at another
(:math:`h_{mg} \sim N(0, \sigma_h^2)`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, log_expit, logsumexp

from abgnn.data.arrays import Array
from abgnn.planning.correctness_layout import Layout
from abgnn.planning.observations import Observations
from abgnn.planning.prior import Prior

TAUS = (0.08, 0.2, 0.4, 0.8)
KIND_EFFECTS = (0.15, 0.5, 1.2)  # σ_h
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(11)
_LOG_WEIGHTS = np.log(_WEIGHTS / _WEIGHTS.sum())
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
        values, vectors = np.linalg.eigh(self.covariance)
        root = vectors * np.sqrt(np.maximum(values, 0))
        half: Array = rng.standard_normal((-(-n // 2), len(self.mean))) @ root.T
        drawn: Array = self.mean + np.concatenate([half, -half])[:n]
        return drawn


def solo_ability(accuracy: Array, spread: float) -> Array:
    """a with E sigmoid(a + spread · x) = accuracy for x ~ N(0, 1), `[M]`, by bisection."""
    low, high = np.full(len(accuracy), -20.0), np.full(len(accuracy), 20.0)
    weights = np.exp(_LOG_WEIGHTS)
    for _ in range(50):
        middle = (low + high) / 2
        mean = expit(middle[:, None] + spread * _NODES) @ weights
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
        self.x, self.y, self.q = x, observed.right, observed.query
        self.kind_effect = kind_effect
        self.n_queries, self.profile, self.layout, self.tau = (
            observed.n_queries,
            profile,
            layout,
            tau,
        )

    def run(self, start: _State | None, steps: int) -> _State:
        """EM; a start of another τ keeps its deviations from the prior in units of it."""
        state = start or _State(
            self._prior(_State(self.layout.prior(1, _SPREAD)[0], _SPREAD))[0], _SPREAD
        )
        state = _State(state.theta.copy(), state.spread)
        for _ in range(steps):
            weight, _ = self._nodes(state)
            mean, precision = self._prior(state)
            gradient, hessian = self._newton(state, weight, mean, precision)
            state.theta = state.theta + np.clip(np.linalg.solve(hessian, gradient), -1, 1)
            second = (weight @ (state.spread * _NODES) ** 2).sum() if len(self.y) else 0.0
            seen = len(np.unique(self.q))
            total = _SPREAD_QUERIES * _SPREAD**2 + (second if seen else 0.0)
            unseen = self.n_queries - seen  # their posterior is the prior: they say nothing
            total -= unseen * state.spread**2 if len(self.y) else 0.0
            state.spread = float(np.sqrt(total / (_SPREAD_QUERIES + seen)))
        return state

    def posterior(self, state: _State) -> tuple[Array, float]:
        """Covariance by the observed information, and the log evidence (Laplace)."""
        weight, log_likelihood = self._nodes(state)
        mean, precision = self._prior(state)
        _, hessian = self._newton(state, weight, mean, precision)
        information = hessian - self._missing(state, weight)
        values, vectors = np.linalg.eigh((information + information.T) / 2)
        values = np.maximum(values, precision.min())
        covariance = (vectors / values) @ vectors.T
        away = state.theta - mean
        evidence = log_likelihood - 0.5 * float(precision @ away**2)
        evidence += 0.5 * float(np.log(precision).sum() - np.log(values).sum())
        return covariance, evidence

    def _prior(self, state: _State) -> tuple[Array, Array]:
        """Mean and precision of θ; abilities where published scores put them now."""
        mean, _ = self.layout.prior(self.tau, state.spread)
        total = float(np.hypot(state.theta[self.layout.slope], state.spread))
        mean[self.layout.ability] = solo_ability(self.profile.accuracy, total)
        _, sd = self.layout.prior(self.tau, total, self.kind_effect)
        return mean, 1 / sd**2

    def _logits(self, state: _State) -> Array:
        """At every node, `[n, 11]`."""
        logit: Array = (self.x @ state.theta)[:, None] + state.spread * _NODES
        return logit

    def _nodes(self, state: _State) -> tuple[Array, float]:
        """Posterior weights of the nodes of u, `[Q, 11]`, and the log-likelihood."""
        logit, y = self._logits(state), self.y[:, None]
        per_call = y * log_expit(logit) + (1 - y) * log_expit(-logit)  # [n, 11]
        joint = np.tile(_LOG_WEIGHTS, (self.n_queries, 1))
        np.add.at(joint, self.q, per_call)
        total = logsumexp(joint, axis=1, keepdims=True)
        return np.exp(joint - total), float(total.sum())

    def _newton(
        self, state: _State, weight: Array, mean: Array, precision: Array
    ) -> tuple[Array, Array]:
        """Gradient and negative Hessian of the expected penalised log-likelihood."""
        p = expit(self._logits(state))
        of_call = weight[self.q]  # [n, 11]
        residual = (of_call * (self.y[:, None] - p)).sum(1)  # [n]
        curve = (of_call * p * (1 - p)).sum(1)  # [n]
        gradient = self.x.T @ residual - precision * (state.theta - mean)
        hessian = (self.x * curve[:, None]).T @ self.x + np.diag(precision)
        return gradient, hessian

    def _missing(self, state: _State, weight: Array) -> Array:
        """Σ_q Var_nodes(score_q): what not knowing u costs."""
        rest = self.y[:, None] - expit(self._logits(state))  # [n, 11]
        size = self.layout.size
        out = np.zeros((size, size))
        for k in range(len(_NODES)):
            score = np.zeros((self.n_queries, size))
            np.add.at(score, self.q, self.x * rest[:, k : k + 1])
            out += (score * weight[:, k : k + 1]).T @ score
        mean = np.zeros((self.n_queries, size))
        expected = (weight[self.q] * rest).sum(1)
        np.add.at(mean, self.q, self.x * expected[:, None])
        return out - mean.T @ mean
