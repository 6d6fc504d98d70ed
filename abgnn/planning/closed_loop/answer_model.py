"""`AnswerModel`: how right and wrong answers to one question go together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.special import expit, logit, ndtr, ndtri

from abgnn.data.arrays import Array
from abgnn.errors import ConfigError

OPEN = 51
"""Options that a question without options is taken to have."""
DEAD_ACCURACY = 0.02
SPREAD, DEAD, ATTRACTION = 1.0, 0.03, 0.55
_STRAY = 0.02
"""What a wrong option beyond the last one counts for: a key that is none of the options."""
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(7)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()
_LUCK_NODES, _LUCK_WEIGHTS = np.polynomial.hermite_e.hermegauss(3)
_LUCK_WEIGHTS = _LUCK_WEIGHTS / _LUCK_WEIGHTS.sum()
N_NODES = len(_NODES) + 1


@dataclass(frozen=True)
class AnswerModel:
    r"""One latent x ~ N(0, 1) of the question, an attractor of wrong answers, luck of families.

    .. math:: a_{mk} = \Phi\left(\sqrt{1 + s^2 + f^2}\,\Phi^{-1}
        \left(\frac{\hat p_m - .02\,\omega}{1 - \omega}\right) + s x_k + f z_{g(m)}\right)

    at 7 Gauss-Hermite nodes of weight (1 − ω) w_k, and a dead node of weight ω where nobody is
    right but with probability .02. A wrong answer is the attractor, one of the wrong options that
    nobody knows beforehand, with probability α, and else any of the wrong options.

    Args:
        spread: s.
        dead: ω, the share of questions that nobody answers, or whose key is wrong.
        attraction: α.
        options: K; 0 for an open question, which counts as 51.
        family: f, luck that LLMs of like weights share beyond x.
        misled: μ, the share of questions where what all take for right is not: the key is wrong,
            or the question a trap. Another option is right then, each equally likely.
        shared: κ, how much likelier able LLMs' wrong answers are to be the attractor.

    Raises:
        ConfigError: a number out of range.
    """

    spread: float = SPREAD
    dead: float = DEAD
    attraction: float = ATTRACTION
    options: int = OPEN
    family: float = 0.0
    misled: float = 0.0
    shared: float = 0.0

    def __post_init__(self) -> None:
        ranges = {"spread": (0, 10), "dead": (0, 0.9), "attraction": (0, 0.99)}
        ranges |= {"family": (0, 10), "misled": (0, 0.4), "shared": (0, 3)}
        for field, (low, high) in ranges.items():
            value = getattr(self, field)
            if not low <= value <= high:
                raise ConfigError(f"AnswerModel.{field}", value, f"from {low} to {high}")
        if self.options < 0 or self.options == 1:
            raise ConfigError("AnswerModel.options", self.options, "0 (open), or at least 2")

    @property
    def wrong_options(self) -> int:
        """K − 1."""
        return (self.options or OPEN) - 1

    @property
    def weights(self) -> Array:
        """Of the nodes, `[8]`; the last is the dead one."""
        return np.append((1 - self.dead) * _WEIGHTS, self.dead)

    @property
    def ease(self) -> Array:
        """x of the nodes, `[8]`; 0 of the dead one, whose question need not be a hard one."""
        return np.append(_NODES, 0.0)

    def nodes(self, accuracy: Array) -> Array:
        """P(accepted answer | node), luck of families averaged out; `[M]` to `[M, 8]`."""
        return self.accepted_nodes(self.accepted(accuracy, self.wrong_options + 1.0))

    def accepted(self, accuracy: Array, options: Array | float) -> Array:
        r"""P(an LLM gives the answer that all take for right), of the same shape.

        .. math:: \hat p = (1 - \mu)\, q + \mu\, (1 - q) / (K - 1)
        """
        lucky = self.misled / (np.asarray(options) - 1)
        out: Array = np.clip(
            (np.asarray(accuracy) - lucky) / (1 - self.misled - lucky), 0.002, 0.998
        )
        return out

    def shown(self, accepted: Array, total: Array | float = 1.0) -> Array:
        """P(right) of an answer that is the accepted one with this probability, out of `total`."""
        lucky = self.misled / self.wrong_options
        out: Array = (1 - self.misled - lucky) * accepted + lucky * np.asarray(total)
        return out

    def accepted_nodes(self, accepted: Array) -> Array:
        """From probabilities of the accepted answer, `[M]` to `[M, 8]`."""
        at = self._alive(accepted)[:, None] + self.spread * _NODES
        alive = ndtr(at / np.sqrt(1 + self.family**2))
        return np.concatenate([alive, np.full((len(alive), 1), DEAD_ACCURACY)], 1)

    def joint_nodes(self, accuracy: Array, families: Sequence[str]) -> tuple[Array, Array]:
        """P(right | node) where families have nodes of their own: `[M, N]`, and weights `[N]`.

        N is 8 · 3^F with F families that have several of the LLMs; with f = 0, or F = 0, it is
        `nodes` and `weights`.
        """
        shared = tuple(g for g in dict.fromkeys(families) if list(families).count(g) > 1)
        if not shared or self.family == 0:
            return self.nodes(accuracy), self.weights
        luck, luck_weights = _luck_grid(len(shared))  # [F, L], [L]
        place = {g: i for i, g in enumerate(shared)}
        alive = self._alive(self.accepted(accuracy, self.wrong_options + 1.0))
        at = alive[:, None] + self.spread * _NODES  # [M, 7]
        rows = []
        for m, g in enumerate(families):
            if g in place:
                lucky = at[m][:, None] + self.family * luck[place[g]]
            else:
                lucky = np.repeat(at[m][:, None] / np.sqrt(1 + self.family**2), luck.shape[1], 1)
            dead = np.full((1, luck.shape[1]), DEAD_ACCURACY)
            rows.append(np.concatenate([ndtr(lucky), dead]).ravel())
        return np.stack(rows), np.outer(self.weights, luck_weights).ravel()

    def luck_nodes(self, accepted: Array) -> tuple[Array, Array]:
        """P(accepted answer | node, luck of the family), `[n, m, 8, L]`, and weights `[L]`, from
        probabilities of it, `[n, m]`, of LLMs of one family."""
        n, m = accepted.shape
        at = self._alive(accepted)[:, :, None] + self.spread * _NODES  # [n, m, 7]
        alive = ndtr(at[..., None] + self.family * _LUCK_NODES)
        dead = np.full((n, m, 1, len(_LUCK_NODES)), DEAD_ACCURACY)
        return np.concatenate([alive, dead], 2), _LUCK_WEIGHTS

    def attractions(self, accuracy: Array) -> Array:
        r"""α_m = σ(logit α + κ logit p̂_m): able LLMs rarely err at random, of the same shape."""
        p = np.clip(accuracy, 0.01, 0.99)
        alpha = np.clip(self.attraction, 1e-6, 0.99)
        out: Array = np.clip(expit(logit(alpha) + self.shared * logit(p)), 0.0, 0.98)
        return out if self.attraction > 0 else np.zeros_like(p)

    def low(self, attraction: Array) -> Array:
        """lo = (1 − α)/(K − 1): P(a certain wrong option that does not attract | wrong)."""
        out: Array = (1 - attraction) / self.wrong_options
        return out

    def pull(self, attraction: Array) -> Array:
        """ρ = (α + lo)/lo: how much likelier the attractor is to be answered than another."""
        low = self.low(attraction)
        out: Array = (attraction + low) / low
        return out

    def labels(self, groups: int) -> float:
        r"""(W)_r / W: in how many ways r groups can be wrong options, W = K − 1. Beyond W groups,
        keys that are none of the options, each further one counts .02 of an option."""
        w = self.wrong_options
        return float(np.prod([float(w - r) if r < w else _STRAY for r in range(groups)])) / w

    def wrong(self, pulls: Array, attraction: float) -> tuple[Array, float]:
        r"""P(each key seen | wrong, h) and P(a new key | wrong, h) of an LLM's next answer.

        .. math:: T(c|h) = lo \, [S_h + R_c (\rho - 1)] / S_h, \quad
            S_h = \sum_{c' \ne h} R_{c'} + \max(0, K - 1 - \#\{c' \ne h\})

        with R_c the product of ρ over the LLMs that answered c, ρ^{n_c} where they are all alike:
        the posterior of which wrong option is the attractor, and what it makes likely.

        Args:
            pulls: R of the wrong keys seen; without the key that h says is right.
            attraction: α of the LLM.
        """
        n, alpha = len(pulls), np.asarray(attraction)
        low, pull = float(self.low(alpha)), float(self.pull(alpha))
        total = float(pulls.sum()) + max(0, self.wrong_options - n)
        beyond = float(pulls.sum()) + pull + max(0, self.wrong_options - n - 1)
        new = low * self.labels(n + 1) / self.labels(n) * beyond / max(total, 1e-12)
        return low * (total + pulls * (pull - 1)) / max(total, 1e-12), new if total else low

    def _alive(self, accepted: Array) -> Array:
        """The probit of a question that is not dead, before s and f are averaged out."""
        alive = (np.asarray(accepted) - DEAD_ACCURACY * self.dead) / (1 - self.dead)
        total = np.sqrt(1 + self.spread**2 + self.family**2)
        out: Array = total * ndtri(np.clip(alive, 0.002, 0.998))
        return out


@cache
def _luck_grid(families: int) -> tuple[Array, Array]:
    """All combinations of 3 nodes of each family, `[F, 3^F]`, and their weights."""
    grids = np.meshgrid(*[_LUCK_NODES] * families, indexing="ij")
    weights = np.meshgrid(*[_LUCK_WEIGHTS] * families, indexing="ij")
    return np.stack([g.ravel() for g in grids]), np.prod([w.ravel() for w in weights], axis=0)
