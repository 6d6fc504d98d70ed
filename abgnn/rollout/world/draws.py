"""Random quantities of one simulated world, by key; the caches are for speed only."""

from __future__ import annotations

import math
from functools import lru_cache

from abgnn.data.backbone import Backbone
from abgnn.data.query import Query, Task
from abgnn.rollout.world import constants as world
from abgnn.rollout.world.latents import (
    Ability,
    Latents,
    backbone_ability,
    query_latents,
)
from abgnn.rollout.world.noise import normals


class Draws:
    """The random side of a world: latents of queries, abilities of backbones, luck of calls.

    Args:
        seed: of the world.
        quirk: how far abilities are from published profiles.
    """

    def __init__(self, seed: int, quirk: float) -> None:
        self.seed, self.quirk = seed, quirk
        self._topics = world.topic_table()
        self.latents = lru_cache(1 << 14)(self._latents)
        self.ability = lru_cache(1 << 10)(self._ability)
        self._one = lru_cache(1 << 16)(self._normal)
        self._shared = lru_cache(1 << 16)(self._shared_luck)

    def luck(self, query: Query, backbone: Backbone, role: str, own: float) -> float:
        """g ~ N(0, 1), shared in part with like calls; `own` is the call's own N(0, 1)."""
        shared = self._shared(query.id, backbone.family, backbone.weights, backbone.name, role)
        return shared + math.sqrt(world.SHARES[-1]) * own

    def call_noise(
        self, query: Query, backbone: Backbone, role: str, sample: int
    ) -> tuple[float, float, float]:
        """A call's own N(0, 1) draws: of its correctness, its tokens, its seconds."""
        own, tokens, seconds = normals(
            3, self.seed, "rollout", query.id, backbone.name, role, sample
        )
        return own, tokens, seconds

    def _latents(self, query: Query) -> Latents:
        return query_latents(query, self.seed, self._topics)

    def _ability(self, backbone: Backbone, domain: str) -> Ability:
        return backbone_ability(backbone, domain, self.seed, self.quirk)

    def _normal(self, *key: str) -> float:
        return normals(1, self.seed, *key)[0]

    def _shared_luck(
        self, query: str, family: str, weights: str, backbone: str, role: str
    ) -> float:
        draws = (
            self._one("family", query, family),
            self._one("weights", query, weights),
            self._one("backbone", query, backbone),
            self._normal("role", query, backbone, role),
        )
        shares = world.SHARES[:-1]
        return sum(math.sqrt(v) * e for v, e in zip(shares, draws, strict=True))


class Specimens:
    """A task's right and wrong answers, and judgements of answers that are neither."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.pair = lru_cache(1 << 14)(self._pair)
        self.judge = lru_cache(1 << 16)(self._judge)

    def recognise(self, query: Query, answer: str) -> bool | None:
        """Whether an answer is right, if it is one of the two; costs no scoring."""
        right, wrong = self.pair(query)
        return True if answer == right else False if answer == wrong else None

    def _pair(self, query: Query) -> tuple[str, str]:
        return self.task.specimen(query, correct=True), self.task.specimen(query, correct=False)

    def _judge(self, query: Query, answer: str) -> bool:
        return self.task.score(query, answer) >= 0.5
