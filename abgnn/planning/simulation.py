"""Simulation of designs in the fitted model, on virtual queries with common random numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, ndtr, ndtri

from abgnn.data.arrays import Array, Index
from abgnn.planning.design import Design
from abgnn.planning.outcome_model import OutcomeModel

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


@dataclass(frozen=True, slots=True)
class Played:
    """A design on every virtual query: P(the answer is right), USD, seconds."""

    right: Array
    usd: Array
    seconds: Array


class VirtualQueries:
    """V queries of the training mix with their random draws (common random numbers).

    All plans get the same queries and draws, so that differences between plans are their own.
    Query v has posterior draw v mod `draws` of the parameters: values of plans average over what
    the model does not know.

    Args:
        model: the fitted model.
        n: V.
        seed: of queries and luck.
        group: questions of one kind only.
        draws: of the parameters, in antithetic pairs.
        predictive: also draw what is only averaged otherwise: the mix of questions, the
            parameters of bills, and the dollars of every call.
    """

    def __init__(
        self,
        model: OutcomeModel,
        n: int,
        seed: int = 0,
        group: int | None = None,
        draws: int = _DRAWS,
        *,
        predictive: bool = False,
    ) -> None:
        self.model, self.n, self.draws = model, n, draws
        rng = np.random.default_rng(seed)
        at = self._ask(group, predictive, rng)
        self.difficulty, self.group = model.mix(at, n)
        self.query = model.correct.query_sd * rng.permutation(ndtri((np.arange(n) + 0.5) / n))
        which = np.arange(n) % draws
        self.theta = model.correct.draws(draws, rng)[which]  # [V, size]
        m, s = len(model.profile.names), len(model.slots)
        own, role = rng.standard_normal((m, n)), rng.standard_normal((m, s, n))
        luck = np.sqrt(_SHARED) * own[:, None] + np.sqrt(1 - _SHARED) * role
        self.luck: Array = ndtr(luck)  # uniform, [M, S, V]
        self.slowness = rng.standard_normal((s, n))
        self._drawn: dict[str, Array] = {}
        if predictive:
            self.dearness = rng.standard_normal((s, n))
            usage_models = {"usd": model.usd, "seconds": model.seconds, "visible": model.visible}
            self._drawn = {
                name: usage_model.draws(draws, rng)[which]
                for name, usage_model in usage_models.items()
            }
        self._solo: dict[tuple[int, int], Array] = {}
        self._bills: dict[tuple[int, int], tuple[Array, Array, Array]] = {}

    def _ask(self, group: int | None, predictive: bool, rng: np.random.Generator) -> Index:
        """Which training questions; drawn, or each equally often."""
        model, n = self.model, self.n
        able = np.arange(len(model.difficulty))
        if group is not None and (model.group == group).any():
            able = able[model.group == group]
        if not len(able):
            return np.zeros(n, dtype=np.int64)
        if predictive:  # a mix of its own for every posterior draw
            mixes = rng.choice(able, (self.draws, len(able)))
            return mixes[np.arange(n) % self.draws, rng.integers(len(able), size=n)]
        ordered = able[np.argsort(model.difficulty[able], kind="stable")]
        spread: Index = ordered[(np.arange(n) * len(able)) // n]
        return rng.permutation(spread)

    def forecast(self, design: Design) -> Forecast:
        """What the model expects of a design."""
        played = self.run(design)
        by_draw = [played.right[d :: self.draws].mean() for d in range(self.draws)]
        return Forecast(
            float(played.right.mean()),
            float(played.usd.mean()),
            float(played.seconds.mean()),
            float(np.std(by_draw)),
        )

    def run(self, design: Design) -> Played:
        """Execute a design on all virtual queries, in the order of its messages."""
        right: dict[int, Array] = {}
        done: dict[int, Array] = {}
        visible: dict[int, Array] = {}
        usd = np.zeros(self.n)
        decision = len(self.model.slots) - 1
        cast = [(slot, m, [u for u, v in design.edges if v == slot]) for slot, m in design.agents]
        if design.decision is not None:
            cast.append((decision, design.decision, [slot for slot, _ in design.agents]))
        chance = np.zeros(self.n)
        for slot, m, senders in cast:
            n_messages, share_right = len(senders), self._share_right(right, senders)
            chance = expit(self._logit(slot, m, n_messages, share_right))
            price, seconds, visible[slot] = self._reading(slot, m, n_messages)
            read = sum((visible[u] + 30 for u in senders), np.zeros(self.n))
            usd += price + read * self.model.profile.price_in[m]
            begin = np.max([done[u] for u in senders], axis=0) if senders else 0.0
            done[slot] = begin + seconds
            right[slot] = (self.luck[m, slot] < chance).astype(float)
        return Played(chance, usd, done[cast[-1][0]])

    def _share_right(self, right: dict[int, Array], senders: Sequence[int]) -> Array:
        if not senders:
            return np.zeros(self.n)
        mean: Array = np.mean([right[u] for u in senders], axis=0)
        return mean

    def _logit(self, slot: int, m: int, n_messages: int, share_right: Array) -> Array:
        layout, profile = self.model.correct.layout, self.model.profile
        if (slot, m) not in self._solo:
            self._solo[slot, m] = self._alone(slot, m)
        logit = self._solo[slot, m]
        if n_messages:
            at = layout.messages.start + 4 * (slot == layout.slots - 1)
            able = float(profile.capability[m])
            w = self.theta[:, at : at + 4]
            good, bad = w[:, 0] + w[:, 1] * able, w[:, 2] + w[:, 3] * able
            logit = logit + np.log2(1 + n_messages) * (share_right * good + (1 - share_right) * bad)
        return logit

    def _alone(self, slot: int, m: int) -> Array:
        """Logit of a call that reads nothing, `[V]`."""
        layout, theta, thinks = self.model.correct.layout, self.theta, self.model.profile.thinks[m]
        role = layout.role.start + slot
        base: Array = theta[:, 0] + theta[:, 1] * float(thinks) + theta[:, 2 + m]
        base = base + theta[:, role] + theta[:, role + layout.slots] * float(thinks)
        base = base + theta[:, layout.slope] * self.difficulty
        if layout.groups > 1:
            rows, own = np.arange(self.n), layout.kind_effect.start + layout.groups * m + self.group
            base = base + theta[rows, layout.group.start + self.group] + theta[rows, own]
        return base + self.query

    def _reading(self, slot: int, m: int, n_messages: int) -> list[Array]:
        """The bills of a call that reads so many messages."""
        billed = self._billed(slot, m)
        if not n_messages:
            return list(billed)
        usage_models = {name: getattr(self.model, name) for name in ("usd", "seconds", "visible")}
        logs = [
            usage_model.log_read(m, n_messages, self._drawn.get(name))
            for name, usage_model in usage_models.items()
        ]
        return [alone * np.exp(log) for alone, log in zip(billed, logs, strict=True)]

    def _billed(self, slot: int, m: int) -> tuple[Array, Array, Array]:
        """Dollars, seconds with their luck, visible tokens of one that reads none, `[V]` each."""
        if (slot, m) not in self._bills:
            model, thinks = self.model, bool(self.model.profile.thinks[m])
            where = (m, slot, thinks, self.difficulty, self.group)
            slow = model.seconds.log_mean(*where, self._drawn.get("seconds"))
            slow = slow + np.sqrt(model.seconds.variance[m]) * self.slowness[slot]
            dear = model.usd.log_mean(*where, self._drawn.get("usd"))
            if self._drawn:
                dear = dear + np.sqrt(model.usd.variance[m]) * self.dearness[slot]
            else:
                dear = dear + model.usd.variance[m] / 2
            seen = model.visible.log_mean(*where, self._drawn.get("visible"))
            seen = seen + model.visible.variance[m] / 2
            self._bills[slot, m] = np.exp(dear), np.exp(slow), np.exp(seen)
        return self._bills[slot, m]
