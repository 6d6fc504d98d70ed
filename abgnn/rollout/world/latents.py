"""Latent variables of a query (difficulty, length) and of a backbone (ability)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from abgnn.data.backbone import Backbone
from abgnn.data.query import Query
from abgnn.errors import ConfigError
from abgnn.rollout.world import constants as world
from abgnn.rollout.world.interaction import Deviations, deviations, subjects_of
from abgnn.rollout.world.noise import hashed, normals, uniforms
from abgnn.rollout.world.rules import Rules, Version


@dataclass(frozen=True, slots=True)
class Latents:
    """Latents of a query: difficulty z ~ (0, 1), visible tokens of a plain answer, and what it is.

    `place` is where subject, topic and form stand in the tables.
    """

    subject: str
    z: float
    length: float
    place: tuple[int, int, int] = (0, 0, 0)


def query_latents(
    query: Query, seed: int, topics: Mapping[str, tuple[float, ...]], version: Version
) -> Latents:
    """z from `meta` (area, topic 0-9, level 1-5) and a hidden part; what is missing is hashed.

    Questions of one stated `kind` share a topic where none is stated. Version 2 does not read
    kinds, nor an area and a topic that a set has `mapped` from its subjects.

    Raises:
        ConfigError: a domain that the world does not have.
    """
    constants = domain_of(query.domain)
    stated = {} if version == 2 and query.meta.get("mapped") else query.meta
    subject = query.domain
    if query.domain == "general":
        area = stated.get("area")
        subject = area if area in world.AREAS else world.AREAS[hashed(4, "area", query.id)]
    topic = _whole(stated.get("topic"))
    of = query.id if version == 2 else str(query.meta.get("kind") or query.id)
    topic = hashed(world.TOPICS, "topic", of) if topic is None else topic % world.TOPICS
    level = _whole(query.meta.get("level"))
    form = hashed(world.FORMS, "form", query.id) if level is None else min(level, world.FORMS) - 1
    form = max(form, 0)
    hidden, spread = normals(2, seed, "query", query.id)
    z = (
        world.TOPIC_WEIGHT * topics[subject][topic]
        + world.FORM_WEIGHT * world.form_table()[form]
        + world.HIDDEN_WEIGHT * hidden
    )
    place = (subjects_of(query.domain).index(subject), topic, form)
    return Latents(subject, z, constants.length * math.exp(0.15 * spread), place)


def domain_of(name: str) -> world.Domain:
    """The domain's constants, or a ConfigError."""
    if name not in world.DOMAINS:
        raise ConfigError("Query.domain", name, ", ".join(world.DOMAINS))
    return world.DOMAINS[name]


def _whole(value: object) -> int | None:
    """An integer, also written as text (`Level 5` is none)."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    text = str(value).strip()
    return int(text) if text.lstrip("-").isdecimal() else None


@dataclass(frozen=True, slots=True)
class Ability:
    """A backbone in one domain.

    Args:
        logit: a in sigmoid(a - beta z), so that its mean over z is the solve rate.
        capability: c in [0, 1]: how well it uses right messages and resists wrong ones.
        verbosity, slowness: factors on tokens and seconds; 1 where profiles are exact.
        strength: how much messages move it.
        deviations: logits by subject, topic and form; None: 0 everywhere.
        tail: sd of the logarithm of its endpoint's seconds.
        center: of that logarithm; −tail²/2 leaves the mean as it is.
    """

    logit: float
    capability: float
    verbosity: float = 1.0
    slowness: float = 1.0
    strength: float = 1.0
    deviations: Deviations | None = None
    tail: float = 0.15
    center: float = 0.0

    def deviation(self, latents: Latents) -> float:
        """How much better it is at such a question than at the mean one, in logits."""
        if self.deviations is None:
            return 0.0
        subject, topic, form = latents.place
        return self.deviations[subject][topic][form]

    def delay(self, noise: float) -> float:
        """The factor on a call's seconds; `noise` is N(0, 1)."""
        return math.exp(self.tail * noise + self.center)


def backbone_ability(
    backbone: Backbone, domain: str, seed: int, quirk: float, rules: Rules
) -> Ability:
    """Ability from the published score, moved off it by `quirk` (see `SimulatedClient`).

    Raises:
        ConfigError: no usable published score in this domain.
    """
    rate = solve_rate(backbone, domain)
    verbosity = slowness = 1.0
    if quirk:
        off, wordy, slow = normals(3, seed, "quirk", backbone.name, domain)
        rate = _sigmoid(_logit(rate) + quirk * off)
        verbosity, slowness = math.exp(quirk * wordy), math.exp(quirk * slow)
    capability = min(max((rate - 0.6) / 0.4, 0.0), 1.0)
    beta, spread = domain_of(domain).beta, rules.own_spread(domain)
    if rules.version == 2:
        return Ability(ability_logit(rate, beta), capability, verbosity, slowness)
    [push] = normals(1, seed, "strength", backbone.name)
    tail = _tail(backbone, seed, rules)
    return Ability(
        ability_logit(rate, math.hypot(beta, *spread)),
        capability,
        verbosity,
        slowness,
        strength=rules.push * math.exp(rules.strength * push),
        deviations=deviations(backbone, domain, seed, spread),
        tail=tail,
        center=-(tail**2) / 2,
    )


def _tail(backbone: Backbone, seed: int, rules: Rules) -> float:
    """The sd of the logarithm of an endpoint's seconds, evenly between the rules' two."""
    low, high = rules.tail
    [share] = uniforms(1, seed, "endpoint", backbone.base_url or "", backbone.weights)
    return low + (high - low) * share


def solve_rate(backbone: Backbone, domain: str) -> float:
    """Mean share of questions solved alone, from published scores, kept inside (0, 1).

    The domain's benchmark if published; else the mean of the domain's other scores, percent or
    share, ratings left out.
    """
    constants = domain_of(domain)
    scores = backbone.benchmarks.get(domain, {})
    shares = {name: _share(score) for name, score in scores.items() if score <= 100}
    if constants.benchmark in shares:
        logit = _logit(shares[constants.benchmark])
        return _sigmoid(constants.offset + constants.slope * logit)
    if not shares:
        field = f"Backbone({backbone.name}).benchmarks.{domain}"
        allowed = f"a published score for the simulated world, best {constants.benchmark}"
        raise ConfigError(field, dict(scores), allowed)
    return _sigmoid(_logit(sum(shares.values()) / len(shares)))


@lru_cache(1 << 12)
def ability_logit(rate: float, beta: float) -> float:
    """a with E_z sigmoid(a - beta z) = rate, z ~ N(0, 1): bisection over 61-point quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(61)
    weights = weights / weights.sum()
    low, high = -30.0, 30.0
    for _ in range(60):
        middle = (low + high) / 2
        reached = float(weights @ (1 / (1 + np.exp(beta * nodes - middle))))
        low, high = (middle, high) if reached < rate else (low, middle)
    return (low + high) / 2


def _share(score: float) -> float:
    return score / 100 if score > 1 else score


def _logit(share: float) -> float:
    share = min(max(share, 0.005), 0.995)
    return math.log(share / (1 - share))


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))
