"""`World`: what is true in a simulated world, and many outcomes at once, without a client.

For studies: true chances by question, and arrays of answers that follow the same law as the
client's calls. The client's own luck is drawn by key, call by call; here it comes from a stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from scipy.special import ndtr

from abgnn.data.arrays import Array, Index, Mask
from abgnn.data.backbone import Backbone
from abgnn.data.query import Query
from abgnn.rollout.world import constants as world
from abgnn.rollout.world.draws import Draws
from abgnn.rollout.world.interaction import subjects_of
from abgnn.rollout.world.rules import MessageKind, Rules, Version, rules_of
from abgnn.rollout.world.wrong_answers import repeat_share


class World:
    """A world by its seed.

    Args:
        seed, quirk, version, messages: as of `SimulatedClient`.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        quirk: float = 0.0,
        version: Version = 3,
        messages: MessageKind = "usual",
    ) -> None:
        self.seed = seed
        self.rules: Rules = rules_of(version, messages)
        self.draws = Draws(seed, quirk, self.rules)

    def true_logit(self, query: Query, backbone: Backbone, role: str) -> float:
        """L of a lone call, which is right with probability sigmoid(L)."""
        return self.draws.true_logit(query, backbone, role)

    def true_logits(
        self, queries: Sequence[Query], backbones: Sequence[Backbone], role: str
    ) -> Array:
        """L of lone calls, `[Q, M]`, the same as `true_logit` of each."""
        table = np.empty((len(queries), len(backbones)))
        for domain in dict.fromkeys(query.domain for query in queries):
            rows = [i for i, query in enumerate(queries) if query.domain == domain]
            table[rows] = self._of_domain([queries[i] for i in rows], backbones, role, domain)
        return table

    def _of_domain(
        self, queries: Sequence[Query], backbones: Sequence[Backbone], role: str, domain: str
    ) -> Array:
        latents = [self.draws.latents(query) for query in queries]
        z = np.array([of.z for of in latents])  # [Q]
        subject, topic, form = np.array([of.place for of in latents]).T  # [Q] each
        subjects, traits = subjects_of(domain), world.traits(domain, role)
        columns = []
        for backbone in backbones:
            ability = self.draws.ability(backbone, domain)
            thinks = backbone.type == "reasoning"
            fit = [
                0.0 if role == world.DECISION else traits.shift(s, thinks=thinks) for s in subjects
            ]
            own = ability.logit + np.array(fit)[subject]
            if ability.deviations is not None:
                own = own + np.array(ability.deviations)[subject, topic, form]
            columns.append(own - world.DOMAINS[domain].beta * z)
        trust = self.rules.decision[0] if role == world.DECISION else self.rules.agent[0]
        return trust * np.stack(columns, axis=1)  # [Q, M]

    def luck(self, n_questions: int, calls: Sequence[tuple[Backbone, str]], seed: int = 0) -> Luck:
        """The part of luck that calls of a backbone in a role share, for C such pairs."""
        return Luck(self.rules, n_questions, tuple(calls), seed)

    def reader(self, backbone: Backbone, domain: str) -> tuple[float, float]:
        """What a right and a wrong message (of power 1) add to h of this reader."""
        ability, rules = self.draws.ability(backbone, domain), self.rules
        gain = rules.gain[0] + rules.gain[1] * ability.capability
        harm = rules.harm[0] + rules.harm[1] * ability.capability
        return ability.strength * gain, -ability.strength * harm

    def replies(
        self, own: Array, right: Mask, backbone: Backbone, domain: str, *, decides: bool = False
    ) -> Array:
        """L of calls that read messages of power 1.

        Args:
            own: ability less difficulty: L of lone calls in another role than the decision
                agent's, `[...]`.
            right: whether the messages are, `[..., n]`, n from 1.
            decides: as the decision agent.
        """
        up, down = self.reader(backbone, domain)
        total, n = np.where(right, up, down).sum(-1), right.shape[-1]
        trust, weight = self.rules.decision if decides else self.rules.agent
        free = world.DECISION_FREE if decides else world.AGENT_FREE
        shift = total / (n if self.rules.mean else np.sqrt(n))
        logits: Array = trust * own + weight * shift - self.rules.crowding * max(0, n - free)
        return logits


class Luck:
    """g of many calls: C pairs of backbone and role, on Q questions, as often as one likes."""

    def __init__(
        self, rules: Rules, n_questions: int, calls: tuple[tuple[Backbone, str], ...], seed: int
    ) -> None:
        self.rules, self.n_questions, self.calls = rules, n_questions, calls
        self._rng = np.random.default_rng(seed)
        self._habit_draws: dict[str, Array] = {}

    @cached_property
    def shared(self) -> Array:
        """What is the same whenever a pair is called, `[Q, C]`."""
        levels: Sequence[Sequence[object]] = (
            [b.family for b, _ in self.calls],
            [b.weights for b, _ in self.calls],
            [b.name for b, _ in self.calls],
            [(b.name, role) for b, role in self.calls],
        )
        total = np.zeros((self.n_questions, len(self.calls)))
        for share, names in zip(self.rules.shares, levels, strict=False):
            places = {name: place for place, name in enumerate(dict.fromkeys(names))}
            drawn = self._rng.normal(size=(self.n_questions, len(places)))
            total += np.sqrt(share) * drawn[:, np.array([places[name] for name in names])]
        return total

    def right(self, logits: Array) -> Mask:
        """One more call of every pair on every question: whether it is right, `[Q, C]`."""
        own = self._rng.normal(size=self.shared.shape)
        g = self.shared + np.sqrt(self.rules.shares[-1]) * own
        chance = 1 / (1 + np.exp(-logits))
        right: Mask = ndtr(g) < chance
        return right

    def answers(self, right: Mask, wrong: int, attraction: float) -> Index:
        """Places of the answers among a question's `wrong` + 1: 0 is right, `[Q, C]`."""
        shape = right.shape
        share = repeat_share(attraction, wrong, self.rules.repeats)
        fresh = self._wrong(self._rng.random(shape), wrong, attraction)
        again = self._rng.random(shape) < share
        return np.where(right, 0, 1 + np.where(again, self._habits(wrong, attraction), fresh))

    def _habits(self, wrong: int, attraction: float) -> Index:
        """The wrong answer of its own that a backbone has, the same whenever asked, `[Q, C]`."""
        names = [b.name for b, _ in self.calls]
        for name in names:
            if name not in self._habit_draws:
                self._habit_draws[name] = self._rng.random(self.n_questions)
        uniform = np.stack([self._habit_draws[name] for name in names], axis=1)
        return self._wrong(uniform, wrong, attraction)

    def _wrong(self, uniform: Array, wrong: int, attraction: float) -> Index:
        """The attractor is place 0 here: by symmetry no other statement depends on which it is."""
        other = np.minimum((uniform - attraction) / (1 - attraction) * wrong, wrong - 1)
        return np.where(uniform < attraction, 0, other.astype(np.int64))
