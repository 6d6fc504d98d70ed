r"""`QuestionModel`: P(a call is right) by a hierarchical logistic model that reads the question.

.. math::
    \mathrm{logit} P(ok) = i_0 + i_1 t_m + a_m + r_j + \rho_j t_m + b d_q + e_g + h_{mg} + r_{jg}
    + \langle w_0 + w_m + t_m w_t + v_j, \varphi(q) \rangle + \kappa \cdot c_{jq} + u_q + M

with thinking flag t, kind g of the question, features φ (`QuestionFeatures`), nearness c of a
role's text to the question, :math:`u_q \sim N(0, s^2)`, and for n > 0 messages of which the share f
is right

.. math::
    M = f (w_+ + v_+ c_m) + (1-f)(w_- + v_- c_m) + (\log_2(1+n) - 1)(k_+ f + k_- (1-f))
    + 0.8 z_m (2f - 1).

The prior mean of an ability is what the published score says. How far each family of parameters
may go is decided by the calls: MacKay's rule, :math:`\sigma^2 \leftarrow
(\nu s_0^2 + \sum (\theta - \mu)^2) / (\nu + \gamma)` with :math:`\gamma = n - \sum C_{ii} /
\sigma^2` and ν = 3.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from abgnn.data.arrays import Array
from abgnn.planning.correctness import next_spread, solo_ability
from abgnn.planning.observations import Observations
from abgnn.planning.prior import Prior
from abgnn.planning.quadrature import Likelihood, antithetic
from abgnn.planning.question_calls import Seen, call_features
from abgnn.planning.question_features import QuestionFeatures
from abgnn.planning.question_layout import QuestionLayout

STEPS, DRAWS = 24, 512
_SPREAD, _PSEUDO = 1.6, 3.0
_SHARED = 0.5  # of a backbone's luck on a question, over its calls


@dataclass(frozen=True)
class QuestionModel:
    """The posterior of θ as draws, and s.

    Args:
        features: of questions.
        layout: of θ.
        mean: `[size]`; draws: in antithetic pairs, `[R, size]`.
        query_sd: s.
        scale: posterior standard deviation of each learned block of parameters, by name.
        left_out: by how much θ changes, in one step, if a training question is left out,
            `[Q, size]`; empty where it is not known.
    """

    features: QuestionFeatures
    layout: QuestionLayout
    mean: Array
    draws: Array
    query_sd: float
    scale: dict[str, float]
    left_out: Array = field(default_factory=lambda: np.zeros((0, 0)))

    @classmethod
    def fit(
        cls,
        observed: Observations,
        seen: Seen,
        features: QuestionFeatures,
        profile: Prior,
        lead: int = 0,
        seed: int = 0,
    ) -> QuestionModel:
        """EM with quadrature; a few seconds for some thousand calls.

        Args:
            observed: calls.
            seen: what is read of the questions, in the numbering of `observed.query`.
            features: that read it.
            profile: of the backbones.
            lead: the slot that answers alone.
            seed: of the draws.
        """
        slots = len(features.role_embedding)
        layout = QuestionLayout(len(profile.names), slots, len(features.kinds), features.size, lead)
        fit = _Fit(layout, observed, seen, profile)
        for _ in range(STEPS):
            fit.step()
        mean, precision = fit.prior()
        covariance, _ = fit.calls.covariance(fit.theta, fit.spread, mean, precision)
        draws = antithetic(fit.theta, covariance, DRAWS, np.random.default_rng(seed))
        scale = {
            name: float(fit.sd[at].mean())
            for name, at in layout.slices().items()
            if layout.blocks[name].learned and layout.blocks[name].size
        }
        left_out = fit.calls.left_out(fit.theta, fit.spread, covariance)
        return cls(features, layout, fit.theta, draws, fit.spread, scale, left_out)


class _Fit:
    def __init__(
        self, layout: QuestionLayout, observed: Observations, seen: Seen, profile: Prior
    ) -> None:
        x = call_features(layout, observed, seen, profile)
        weight = _weights(observed, layout.backbones)
        self.calls = Likelihood(x, observed.right, observed.query, observed.n_queries, weight)
        self.layout, self.seen, self.profile = layout, seen, profile
        self.at = layout.slices()
        self.base, self.sd = layout.prior()
        self.doubt = np.zeros(layout.size)
        self.doubt[self.at["ability"]] = profile.doubt  # where no score is published
        self.spread = _SPREAD
        self.theta = self.base.copy()
        self.theta = self.prior()[0]

    def prior(self) -> tuple[Array, Array]:
        """Means, with abilities where published scores put them now, and precisions."""
        parts = self.layout.parts(self.theta)
        known = self.seen.kind @ parts["kind"]
        fixed = parts["difficulty"] * self.seen.difficulty + known
        fixed = fixed + self.seen.phi @ parts["question"]
        total = float(np.hypot(fixed.std() if len(fixed) else 0.0, self.spread))
        mean = self.base.copy()
        mean[self.at["ability"]] = solo_ability(self.profile.accuracy, total)
        return mean, 1 / (self.sd**2 + self.doubt**2)

    def step(self) -> None:
        """One EM step for θ, s and the standard deviations of the prior."""
        mean, precision = self.prior()
        weight, _ = self.calls.nodes(self.theta, self.spread)
        gradient, hessian = self.calls.newton(self.theta, self.spread, weight, mean, precision)
        covariance = np.linalg.inv(hessian)
        self.theta = self.theta + np.clip(covariance @ gradient, -1, 1)
        self.spread = next_spread(self.calls, weight, self.spread)
        away, variance = self.theta - mean, covariance.diagonal()
        for at, start in self.layout.learned():
            known = (at.stop - at.start) - float((variance[at] * precision[at]).sum())
            own = self.sd[at] ** 2 * precision[at]  # less than 1 where a score is guessed
            square = _PSEUDO * start**2 + float(own @ np.square(away[at]))
            self.sd[at] = np.sqrt(square / (_PSEUDO + max(known, 0.0)))


def _weights(observed: Observations, backbones: int) -> Array:
    """1 / (1 + (k − 1) ρ) for each of the k calls of one backbone on one question, `[n]`.

    Their luck is shared in part, which a regression with an effect of the question alone would
    take for ability.
    """
    pair = observed.query * backbones + observed.backbone
    count = np.bincount(pair)[pair] if len(pair) else np.zeros(0)
    out: Array = 1 / (1 + (count - 1) * _SHARED)
    return out
