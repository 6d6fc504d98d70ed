"""Logistic regression with a random effect of each question, integrated by Gauss-Hermite nodes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, log_expit, logsumexp

from abgnn.data.arrays import Array, Index

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(11)
LOG_WEIGHTS = np.log(WEIGHTS / WEIGHTS.sum())


@dataclass(frozen=True)
class Likelihood:
    """logit P(right) = x θ + u_q with u_q ~ N(0, spread²).

    Args:
        x: features of n calls, `[n, size]`.
        right: scores in [0, 1], `[n]`.
        query: which of the questions, `[n]`.
        n_queries: Q.
        weight: how much each call counts, `[n]`; None: 1.
    """

    x: Array
    right: Array
    query: Index
    n_queries: int
    weight: Array | None = None

    def logits(self, theta: Array, spread: float) -> Array:
        """At every node, `[n, 11]`."""
        out: Array = (self.x @ theta)[:, None] + spread * NODES
        return out

    def nodes(self, theta: Array, spread: float) -> tuple[Array, float]:
        """Posterior weights of the nodes of u, `[Q, 11]`, and the log-likelihood."""
        logit, y = self.logits(theta, spread), self.right[:, None]
        per_call = self._weighed(y * log_expit(logit) + (1 - y) * log_expit(-logit))  # [n, 11]
        joint = np.tile(LOG_WEIGHTS, (self.n_queries, 1))
        np.add.at(joint, self.query, per_call)
        total = logsumexp(joint, axis=1, keepdims=True)
        return np.exp(joint - total), float(total.sum())

    def _weighed(self, values: Array) -> Array:
        return values if self.weight is None else self.weight[:, None] * values

    def newton(
        self, theta: Array, spread: float, weight: Array, mean: Array, precision: Array
    ) -> tuple[Array, Array]:
        """Gradient and negative Hessian of the expected penalised log-likelihood."""
        p = expit(self.logits(theta, spread))
        of_call = self._weighed(weight[self.query])  # [n, 11]
        residual = (of_call * (self.right[:, None] - p)).sum(1)  # [n]
        curve = (of_call * p * (1 - p)).sum(1)  # [n]
        gradient = self.x.T @ residual - precision * (theta - mean)
        hessian = (self.x * curve[:, None]).T @ self.x + np.diag(precision)
        return gradient, hessian

    def missing(self, theta: Array, spread: float, weight: Array) -> Array:
        """Σ_q Var_nodes(score_q): what not knowing u costs, `[size, size]`."""
        rest = self._weighed(self.right[:, None] - expit(self.logits(theta, spread)))  # [n, 11]
        size = self.x.shape[1]
        out = np.zeros((size, size))
        for k in range(len(NODES)):
            score = np.zeros((self.n_queries, size))
            np.add.at(score, self.query, self.x * rest[:, k : k + 1])
            out += (score * weight[:, k : k + 1]).T @ score
        mean = np.zeros((self.n_queries, size))
        expected = (weight[self.query] * rest).sum(1)
        np.add.at(mean, self.query, self.x * expected[:, None])
        return out - mean.T @ mean

    def covariance(
        self, theta: Array, spread: float, mean: Array, precision: Array
    ) -> tuple[Array, float]:
        """By the observed information, and the logarithm of that one's determinant; eigenvalues
        are at least the smallest prior precision."""
        weight, _ = self.nodes(theta, spread)
        _, hessian = self.newton(theta, spread, weight, mean, precision)
        information = hessian - self.missing(theta, spread, weight)
        values, vectors = np.linalg.eigh((information + information.T) / 2)
        values = np.maximum(values, precision.min())
        return (vectors / values) @ vectors.T, float(np.log(values).sum())

    def left_out(self, theta: Array, spread: float, covariance: Array) -> Array:
        """By how much θ changes if a question's own calls are left out, `[Q, size]`.

        One Newton step from θ without them: C_q g_q with C_q the covariance without their
        information.
        """
        weight, _ = self.nodes(theta, spread)
        weight = weight[self.query]  # [n, 11]
        p = expit(self.logits(theta, spread))
        rest = self._weighed(self.right[:, None] - p)
        residual = (weight * rest).sum(1)
        curve = (self._weighed(weight) * p * (1 - p)).sum(1)
        moved = self.x @ covariance  # [n, size]
        out = np.zeros((self.n_queries, len(theta)))
        for q in np.unique(self.query):
            own = np.flatnonzero(self.query == q)
            scatter = (weight[own] * rest[own]) @ rest[own].T - np.outer(
                residual[own], residual[own]
            )
            information = np.diag(curve[own]) - scatter
            inside = np.eye(len(own)) - information @ (moved[own] @ self.x[own].T)
            out[q] = -moved[own].T @ np.linalg.solve(inside, residual[own])
        return out


def antithetic(mean: Array, covariance: Array, n: int, rng: np.random.Generator) -> Array:
    """n draws of N(mean, covariance) in antithetic pairs, `[n, size]`."""
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0))
    half: Array = rng.standard_normal((-(-n // 2), len(mean))) @ root.T
    drawn: Array = mean + np.concatenate([half, -half])[:n]
    return drawn
