"""Plans played in the fitted model, on virtual queries with common random numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtr, ndtri

from abgnn.planning.designs import Design
from abgnn.planning.outcome_model import OutcomeModel

Array = NDArray[np.float64]
_DRAWS = 8  # posterior draws of θ, in antithetic pairs
_SHARED = 0.5  # of a backbone's luck on a query, over its roles


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the model expects of a design, per query.

    Args:
        accuracy, usd, seconds: means.
        accuracy_sd: over posterior draws: how sure the model is of the accuracy.
    """

    accuracy: float
    usd: float
    seconds: float
    accuracy_sd: float = 0.0

    def utility(self, lambda_tok: float, lambda_lat: float) -> float:
        """R of Eq 9."""
        return self.accuracy - lambda_tok * self.usd - lambda_lat * self.seconds


class VirtualQueries:
    """V queries of the training mix, with all the luck that plans will have on them.

    Every plan meets the same queries with the same luck, so that plans differ by what they are.
    Each query has one of eight posterior draws of the parameters: values of plans average over
    what the model does not know.

    Args:
        model: the fitted model.
        n: V.
        seed: of queries and luck.
    """

    def __init__(self, model: OutcomeModel, n: int, seed: int = 0) -> None:
        self.model, self.n = model, n
        rng = np.random.default_rng(seed)
        known = model.difficulty if len(model.difficulty) else np.zeros(1)
        order = np.sort(known)[(np.arange(n) * len(known)) // n]
        self.difficulty = rng.permutation(order)
        self.query = model.correct.query_sd * rng.permutation(ndtri((np.arange(n) + 0.5) / n))
        self.theta = model.correct.draws(_DRAWS, rng)[np.arange(n) % _DRAWS]  # [V, size]
        m, s = len(model.profile.names), len(model.slots)
        own, role = rng.standard_normal((m, n)), rng.standard_normal((m, s, n))
        luck = np.sqrt(_SHARED) * own[:, None] + np.sqrt(1 - _SHARED) * role
        self.luck: Array = ndtr(luck)  # uniform, [M, S, V]
        self.slowness = rng.standard_normal((s, n))
        self._solo: dict[tuple[int, int], Array] = {}
        self._bills: dict[tuple[int, int], tuple[Array, Array, Array]] = {}

    def play(self, design: Design) -> Forecast:
        """Execute a design on all virtual queries."""
        right: dict[int, Array] = {}
        done: dict[int, Array] = {}
        usd = np.zeros(self.n)
        decision = len(self.model.slots) - 1
        cast = [(slot, m, [u for u, v in design.edges if v == slot]) for slot, m in design.agents]
        if design.decision is not None:
            cast.append((decision, design.decision, [slot for slot, _ in design.agents]))
        backbone = dict(design.agents)
        share = np.zeros(self.n)
        for k, (slot, m, senders) in enumerate(cast):
            heard, agreeing = len(senders), self._agreeing(right, senders)
            chance = expit(self._logit(slot, m, heard, agreeing))
            price, seconds, _ = self._billed(slot, m)
            read = sum((self._billed(u, backbone[u])[2] + 30 for u in senders), np.zeros(self.n))
            usd += price + read * self.model.profile.price_in[m]
            begin = np.max([done[u] for u in senders], axis=0) if senders else 0.0
            done[slot] = begin + seconds
            if k == len(cast) - 1:
                share = chance
            right[slot] = (self.luck[m, slot] < chance).astype(float)
        by_draw = [share[d::_DRAWS].mean() for d in range(_DRAWS)]
        last = cast[-1][0]
        return Forecast(
            float(share.mean()),
            float(usd.mean()),
            float(done[last].mean()),
            float(np.std(by_draw)),
        )

    def _agreeing(self, right: dict[int, Array], senders: Sequence[int]) -> Array:
        if not senders:
            return np.zeros(self.n)
        mean: Array = np.mean([right[u] for u in senders], axis=0)
        return mean

    def _logit(self, slot: int, m: int, heard: int, agreeing: Array) -> Array:
        layout, profile = self.model.correct.layout, self.model.profile
        if (slot, m) not in self._solo:
            thinks = float(profile.thinks[m])
            role = layout.role.start + slot
            theta = self.theta
            base = theta[:, 0] + theta[:, 1] * thinks + theta[:, 2 + m]
            base = base + theta[:, role] + theta[:, role + layout.slots] * thinks
            base = base + theta[:, layout.slope] * self.difficulty
            self._solo[slot, m] = base + self.query
        logit = self._solo[slot, m]
        if heard:
            at = layout.messages.start + 4 * (slot == layout.slots - 1)
            able = float(profile.capability[m])
            w = self.theta[:, at : at + 4]
            good, bad = w[:, 0] + w[:, 1] * able, w[:, 2] + w[:, 3] * able
            logit = logit + np.log2(1 + heard) * (agreeing * good + (1 - agreeing) * bad)
        return logit

    def _billed(self, slot: int, m: int) -> tuple[Array, Array, Array]:
        """Dollars without messages, seconds with their luck, visible tokens, `[V]` each."""
        if (slot, m) not in self._bills:
            model, thinks = self.model, bool(self.model.profile.thinks[m])
            dz = self.difficulty
            slow = model.seconds.log_mean(m, slot, thinks, dz)
            slow = slow + np.sqrt(model.seconds.variance) * self.slowness[slot]
            self._bills[slot, m] = (
                model.usd.mean(m, slot, thinks, dz),
                np.exp(slow),
                model.visible.mean(m, slot, thinks, dz),
            )
        return self._bills[slot, m]
