"""`PlanKnowledge`: what a `PlanNet` reads beside its weights, and how it reads questions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from abgnn.data.arrays import Array
from abgnn.models.portfolio import Portfolio
from abgnn.planning.beliefs import Belief, Beliefs, Forecasts
from abgnn.planning.prior import Prior
from abgnn.planning.question_features import QuestionFeatures
from abgnn.planning.questions import Questions

FEATURES, KIND_CODE = 32, 8
QUESTION, BACKBONE, ROLE = FEATURES + 1 + KIND_CODE, 5, 8  # widths of x, u, r
_X, _KIND = 4.0, 1.5


@dataclass(frozen=True)
class PlanKnowledge:
    """Designs, beliefs and features, made once when the policy is taught; kept in checkpoints.

    Args:
        portfolio: the designs.
        beliefs: about agents that read nothing.
        features: φ of a question.
        by: entry of `Query.meta` that names the kind of a question, or None.
        encoder: of the texts.
        backbone: u, `[M, 5]`; role: r, `[S, 8]`.
        belief_mean, belief_sd: of the four figures of `figures` over the training questions, `[4]`.
        factor: expected USD and seconds of each design over those of its agents as if none read a
            message, `[2, D]`.
        level: what is added to the logit of each design, `[D]`.
        ahead: forecasts of the designs on training questions, where `PlanNet.set_budget` looks.
    """

    portfolio: Portfolio
    beliefs: Beliefs
    features: QuestionFeatures
    by: str | None
    encoder: str
    backbone: Array
    role: Array
    belief_mean: Array
    belief_sd: Array
    factor: Array
    level: Array
    ahead: Forecasts

    def question(self, questions: Questions) -> Array:
        """x = (4 φ, d, 1.5 kind), `[Q, 41]`."""
        x = np.zeros((len(questions), QUESTION))
        phi = self.features.phi(questions)[:, :FEATURES]
        x[:, : phi.shape[1]] = _X * phi
        x[:, FEATURES] = self.features.standard_difficulty(questions)
        kind = self.features.kind(questions)  # [Q, G]
        x[:, FEATURES + 1 :] = _KIND * kind @ _codes(kind.shape[1])
        return x

    def figures(self, belief: Belief) -> Array:
        """What is believed of every agent, standardised, `[Q, S, M, 4]`."""
        return (belief_figures(belief) - self.belief_mean) / self.belief_sd


def belief_figures(belief: Belief) -> Array:
    """Logit, its standard deviation, log USD, log seconds, `[Q, S, M, 4]`."""
    logs = [np.log(np.maximum(value, 1e-12)) for value in (belief.usd, belief.seconds)]
    return np.stack([belief.logit, belief.logit_sd, *logs], -1)


def knowledge(
    portfolio: Portfolio,
    beliefs: Beliefs,
    features: QuestionFeatures,
    profile: Prior,
    questions: Questions,
    encoder: str = "",
) -> PlanKnowledge:
    """What is known before the first lesson; factors are 1, levels 0, and nothing is ahead."""
    belief = beliefs(questions)
    figures = belief_figures(belief).reshape(-1, 4)
    nothing = np.zeros((0, len(portfolio.designs)))
    return PlanKnowledge(
        portfolio,
        beliefs,
        features,
        questions.by,
        encoder,
        _standard(_profile(profile, belief)),
        role_components(features.role_embedding),
        figures.mean(0),
        np.maximum(figures.std(0), 1e-3),
        np.ones((2, len(portfolio.designs))),
        np.zeros(len(portfolio.designs)),
        Forecasts(nothing, nothing, nothing),
    )


def _profile(profile: Prior, belief: Belief) -> Array:
    """Published logit, thinking flag, log USD, log seconds, and the mean belief, `[M, 5]`."""
    published = np.log(profile.accuracy / (1 - profile.accuracy))
    columns = (published, profile.thinks, np.log(profile.usd), np.log(profile.seconds))
    return np.stack([*columns, belief.logit.mean((0, 1))], 1).astype(float)


def _standard(values: Array) -> Array:
    out: Array = (values - values.mean(0)) / np.maximum(values.std(0), 1e-3)
    return out


def role_components(embedding: Array) -> Array:
    """Principal components of rows, with a mean square of 1 together, `[S, 8]`."""
    away = embedding - embedding.mean(0)
    left, values, _ = np.linalg.svd(away, full_matrices=False)
    kept = min(ROLE, len(values))
    out = np.zeros((len(embedding), ROLE))
    out[:, :kept] = (left * values)[:, :kept]
    scale = np.sqrt(np.square(out).sum(1).mean())
    return out / max(float(scale), 1e-9)


def _codes(kinds: int) -> Array:
    """One row of length 1 per kind, `[G, 8]`: unit vectors, or random ones of more than eight."""
    if kinds <= KIND_CODE:
        return np.eye(KIND_CODE)[:kinds]
    drawn = np.random.default_rng(0).standard_normal((kinds, KIND_CODE))
    out: Array = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return out
