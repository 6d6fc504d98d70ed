"""`Posterior`: which answer is right, after every answer that was seen."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace

import numpy as np

from abgnn.data.arrays import Array
from abgnn.planning.closed_loop.answer_model import AnswerModel

NO_FORM = (1.0, 1.0)


@dataclass(frozen=True)
class Posterior:
    r"""Weights H_hk of "h is right" at node k, P(h) ∝ Σ_k H_hk; h = 0: none of the keys seen.

    A key seen before, c: H_c ← H_c a and H_h ← H_h (1 − a) T(c|h) for the others. A new key:
    H_new = H_0 a, then H_h ← H_h (1 − a) T(new|h), h = 0 included. No key: H_h ← H_h (1 − a).
    The weights sum to the probability of all answers so far.

    Args:
        model: of the question's answers.
        keys: in the order in which they were first seen.
        pulls: R of each, the product of ρ over the LLMs that answered it.
        weights: H, `[1 + keys, nodes]`.
    """

    model: AnswerModel
    keys: tuple[Hashable, ...]
    pulls: tuple[float, ...]
    weights: Array

    @classmethod
    def start(cls, model: AnswerModel, weights: Array | None = None) -> Posterior:
        """Before any answer. `weights`: of the nodes, where they are not the model's 8."""
        node = model.weights if weights is None else weights
        return cls(model, (), (), node[None])

    def after(
        self,
        ability: Array,
        key: Hashable | None,
        form: tuple[float, float] = NO_FORM,
        no_key: float = 0.0,
        attraction: float | None = None,
    ) -> Posterior:
        """What one more answer makes of it.

        Args:
            ability: of the LLM that answered, P(right | node), `[nodes]`.
            key: of its answer; None: it has none.
            form: P(form of the answer | right), P(form | wrong).
            no_key: P(no key | wrong); 0: it is not modelled, and tells nothing.
            attraction: α of the LLM; None: the model's.
        """
        wrong = self.weights * (1 - ability) * form[1]
        if key is None:
            return replace(self, weights=wrong * (no_key or 1.0))
        wrong, right = wrong * (1 - no_key), ability * form[0]
        alpha = self.model.attraction if attraction is None else attraction
        likely = np.stack([self._wrong(h, alpha) for h in range(1 + len(self.keys))])
        pull = float(self.model.pull(np.asarray(alpha)))
        if key in self.keys:
            place = self.keys.index(key)
            weights = wrong * likely[:, place, None]
            weights[1 + place] = self.weights[1 + place] * right
            pulls = tuple(r * (pull if c == place else 1) for c, r in enumerate(self.pulls))
            return replace(self, pulls=pulls, weights=weights)
        weights = np.concatenate([wrong * likely[:, -1:], self.weights[:1] * right])
        return replace(self, keys=(*self.keys, key), pulls=(*self.pulls, pull), weights=weights)

    @property
    def probabilities(self) -> Array:
        """P(h), `[1 + keys]`; the first: none of the keys seen is right."""
        total = self.weights.sum(1)
        if not total.sum() > 0:
            return np.append(1.0, np.zeros(len(self.keys)))
        share: Array = total / total.sum()
        share[1:] = self.model.shown(share[1:])
        share[0] = 1 - share[1:].sum()
        return share

    @property
    def best(self) -> tuple[int, float]:
        """Index of the most probable key and its probability; −1 and 0 before any key."""
        seen = self.probabilities[1:]
        return (int(seen.argmax()), float(seen.max())) if len(seen) else (-1, 0.0)

    def outcomes(
        self, ability: Array, no_key: float = 0.0, attraction: float | None = None
    ) -> tuple[Array, float, float]:
        """P(each key seen), P(a new key), P(no key) of the next answer of an LLM."""
        total = self.weights.sum()

        def chance(key: Hashable) -> float:
            after = self.after(ability, key, no_key=no_key, attraction=attraction)
            return float(after.weights.sum() / total)

        none = no_key * (self.weights * (1 - ability)).sum()
        each = np.array([chance(key) for key in self.keys])
        return each, chance(object()), float(none / total)

    def _wrong(self, h: int, attraction: float) -> Array:
        """T(each key seen | h), 0 for h itself, then T(new | h), `[keys + 1]`."""
        others = [c for c in range(len(self.keys)) if c != h - 1]
        pulls = np.array([self.pulls[c] for c in others])
        same, new = self.model.wrong(pulls, attraction)
        out = np.zeros(len(self.keys) + 1)
        out[others], out[-1] = same, new
        return out
