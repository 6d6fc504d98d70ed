"""Random quantities of one simulated world, by key; the caches are for speed only."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

from abgnn.data.backbone import Backbone
from abgnn.data.query import Query
from abgnn.rollout.world import constants as world
from abgnn.rollout.world.latents import Ability, Latents, backbone_ability, query_latents
from abgnn.rollout.world.mechanics import SimulatedCall
from abgnn.rollout.world.noise import normals, uniforms
from abgnn.rollout.world.rules import Rules
from abgnn.rollout.world.wrong_answers import place_of, repeat_share


class CallNoise(NamedTuple):
    """A call's own N(0, 1) draws: of correctness, tokens, seconds; of which wrong answer it is."""

    own: float
    tokens: float
    seconds: float
    repeats: float = 0.0
    wrong: float = 0.0


class Draws:
    """The random side of a world: latents of queries, abilities of backbones, luck of calls.

    Args:
        seed: of the world.
        quirk: how far abilities are from published profiles.
        rules: of the version.
    """

    def __init__(self, seed: int, quirk: float, rules: Rules) -> None:
        self.seed, self.quirk, self.rules = seed, quirk, rules
        self._topics = world.topic_table()
        self._n_draws = 3 if rules.version == 2 else 5
        self.latents = lru_cache(1 << 14)(self._latents)
        self.ability = lru_cache(1 << 10)(self._ability)
        self._one = lru_cache(1 << 16)(self._normal)
        self._shared = lru_cache(1 << 16)(self._shared_luck)
        self._uniform = lru_cache(1 << 16)(self._one_uniform)
        self._repeat_share = lru_cache(1 << 8)(repeat_share)

    def luck(self, query: Query, backbone: Backbone, role: str, own: float) -> float:
        """g ~ N(0, 1), shared in part with like calls; `own` is the call's own N(0, 1)."""
        shared = self._shared(query.id, backbone.family, backbone.weights, backbone.name, role)
        return shared + math.sqrt(self.rules.shares[-1]) * own

    def call_noise(self, query: Query, backbone: Backbone, role: str, sample: int) -> CallNoise:
        """A call's own draws, the same whatever it reads."""
        key = (self.seed, "rollout", query.id, backbone.name, role, sample)
        return CallNoise(*normals(self._n_draws, *key))

    def true_logit(self, query: Query, backbone: Backbone, role: str) -> float:
        """L of a call that reads nothing: it is right with probability sigmoid(L)."""
        ability = self.ability(backbone, query.domain)
        call = SimulatedCall(backbone, ability, role, query.domain, self.latents(query), self.rules)
        return call.logit()

    def wrong_place(
        self, query: Query, backbone: Backbone, noise: CallNoise, wrong: int, attraction: float
    ) -> int:
        """Which of a question's `wrong` wrong answers a wrong call gives."""
        if wrong < 2:
            return 0
        attractor = self.attractor(query, wrong)
        share = self._repeat_share(attraction, wrong, self.rules.repeats)
        if _cdf(noise.repeats) < share:
            drawn = self._uniform("wrong", query.id, backbone.name)
        else:
            drawn = _cdf(noise.wrong)
        return place_of(drawn, attractor, attraction, wrong)

    def attractor(self, query: Query, wrong: int) -> int:
        """The place of the wrong answer that wrong calls have in common."""
        return int(self._uniform("attractor", query.id, "") * wrong)

    def _latents(self, query: Query) -> Latents:
        return query_latents(query, self.seed, self._topics, self.rules.version)

    def _ability(self, backbone: Backbone, domain: str) -> Ability:
        return backbone_ability(backbone, domain, self.seed, self.quirk, self.rules)

    def _normal(self, *key: str) -> float:
        return normals(1, self.seed, *key)[0]

    def _one_uniform(self, *key: str) -> float:
        return uniforms(1, self.seed, *key)[0]

    def _shared_luck(
        self, query: str, family: str, weights: str, backbone: str, role: str
    ) -> float:
        draws = (
            self._one("family", query, family),
            self._one("weights", query, weights),
            self._one("backbone", query, backbone),
            self._normal("role", query, backbone, role),
        )
        shares = self.rules.shares[:-1]
        return sum(math.sqrt(v) * e for v, e in zip(shares, draws, strict=True))


def _cdf(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))
