"""`AnswerModel`: how right and wrong answers to one question go together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.special import ndtr, ndtri

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
_LUCK_NODES, _LUCK_WEIGHTS = np.polynomial.hermite_e.hermegauss(4)
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

    Raises:
        ConfigError: a number out of range.
    """

    spread: float = SPREAD
    dead: float = DEAD
    attraction: float = ATTRACTION
    options: int = OPEN
    family: float = 0.0

    def __post_init__(self) -> None:
        ranges = {"spread": (0, 10), "dead": (0, 0.9), "attraction": (0, 0.99), "family": (0, 10)}
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

    def nodes(self, accuracy: Array) -> Array:
        """P(right | node), luck of families averaged out; accuracies `[M]` to `[M, 8]`."""
        at = self._alive(accuracy)[:, None] + self.spread * _NODES
        alive = ndtr(at / np.sqrt(1 + self.family**2))
        return np.concatenate([alive, np.full((len(alive), 1), DEAD_ACCURACY)], 1)

    def joint_nodes(self, accuracy: Array, families: Sequence[str]) -> tuple[Array, Array]:
        """P(right | node) where families have nodes of their own: `[M, N]`, and weights `[N]`.

        N is 8 · 4^F with F families that have several of the LLMs; with f = 0, or F = 0, it is
        `nodes` and `weights`.
        """
        shared = tuple(g for g in dict.fromkeys(families) if list(families).count(g) > 1)
        if not shared or self.family == 0:
            return self.nodes(accuracy), self.weights
        luck, luck_weights = _luck_grid(len(shared))  # [F, L], [L]
        place = {g: i for i, g in enumerate(shared)}
        at = self._alive(accuracy)[:, None] + self.spread * _NODES  # [M, 7]
        rows = []
        for m, g in enumerate(families):
            if g in place:
                lucky = at[m][:, None] + self.family * luck[place[g]]
            else:
                lucky = np.repeat(at[m][:, None] / np.sqrt(1 + self.family**2), luck.shape[1], 1)
            dead = np.full((1, luck.shape[1]), DEAD_ACCURACY)
            rows.append(np.concatenate([ndtr(lucky), dead]).ravel())
        return np.stack(rows), np.outer(self.weights, luck_weights).ravel()

    def luck_nodes(self, accuracy: Array) -> tuple[Array, Array]:
        """P(right | node, luck of the family), `[n, m, 8, L]`, and weights `[L]`, of accuracies
        `[n, m]` of LLMs of one family."""
        n, m = accuracy.shape
        at = self._alive(accuracy)[:, :, None] + self.spread * _NODES  # [n, m, 7]
        alive = ndtr(at[..., None] + self.family * _LUCK_NODES)
        dead = np.full((n, m, 1, len(_LUCK_NODES)), DEAD_ACCURACY)
        return np.concatenate([alive, dead], 2), _LUCK_WEIGHTS

    def wrong(self, counts: Sequence[int]) -> tuple[Array, float]:
        r"""P(each key seen | wrong, h) and P(a new key | wrong, h).

        .. math:: T(c|h) = lo \, [S_h + \rho^{n_c} (\rho - 1)] / S_h, \quad
            S_h = \sum_{c' \ne h} \rho^{n_{c'}} + \max(0, K - 1 - \#\{c' \ne h\})

        with lo = (1 − α)/(K − 1) and ρ = (α + lo)/lo: the posterior of which wrong option is the
        attractor, given the counts, and what it makes likely.

        Args:
            counts: how often each wrong key was answered; without the key that h says is right.
        """
        n = len(counts)
        before = self.pattern(tuple(counts))
        same = [
            self.pattern((*counts[:c], counts[c] + 1, *counts[c + 1 :])) / before for c in range(n)
        ]
        return np.array(same), self.pattern((*counts, 1)) / before

    def pattern(self, counts: Sequence[int]) -> float:
        r"""P(wrong answers form such groups), in the order of their first appearance.

        .. math:: \tau(n_1, …, n_r) = (W)_r \, \frac{lo^n}{W}
            \Big[\sum_c \rho^{n_c} + W - r\Big], \quad W = K - 1, \; n = \sum_c n_c

        the product of all T along the way, in whatever order the answers came. Beyond W groups
        each further one counts .02 of an option.
        """
        w = self.wrong_options
        low = (1 - self.attraction) / w
        high = self.attraction + low
        groups, n = len(counts), sum(counts)
        labels = float(np.prod([float(w - r) if r < w else _STRAY for r in range(groups)]))
        attracted = sum(high**c * low ** (n - c) for c in counts)
        return labels / w * (attracted + max(0, w - groups) * low**n)

    def _alive(self, accuracy: Array) -> Array:
        """The probit that is P(right) once s and f are averaged out, `[M]`."""
        alive = (np.asarray(accuracy) - DEAD_ACCURACY * self.dead) / (1 - self.dead)
        total = np.sqrt(1 + self.spread**2 + self.family**2)
        out: Array = total * ndtri(np.clip(alive, 0.002, 0.998))
        return out


@cache
def _luck_grid(families: int) -> tuple[Array, Array]:
    """All combinations of 4 nodes of each family, `[F, 4^F]`, and their weights."""
    grids = np.meshgrid(*[_LUCK_NODES] * families, indexing="ij")
    weights = np.meshgrid(*[_LUCK_WEIGHTS] * families, indexing="ij")
    return np.stack([g.ravel() for g in grids]), np.prod([w.ravel() for w in weights], axis=0)
