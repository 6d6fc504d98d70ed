"""Latent variables of a query (difficulty, length) and of a backbone (ability)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from abgnn.data.backbone import Backbone
from abgnn.data.query import Query
from abgnn.errors import ConfigError
from abgnn.rollout.world import constants as world
from abgnn.rollout.world.noise import hashed, normals


@dataclass(frozen=True, slots=True)
class Latents:
    """Latents of a query: subject, difficulty z ~ (0, 1), visible tokens of a plain answer."""

    subject: str
    z: float
    length: float


def query_latents(query: Query, seed: int, topics: Mapping[str, tuple[float, ...]]) -> Latents:
    """z from `meta` (area, topic 0-9, level 1-5) and a hidden part; what is missing is hashed.

    Raises:
        ConfigError: a domain that the world does not have.
    """
    constants = domain_of(query.domain)
    subject = query.domain
    if query.domain == "general":
        area = query.meta.get("area")
        subject = area if area in world.AREAS else world.AREAS[hashed(4, "area", query.id)]
    topic = _whole(query.meta.get("topic"))
    topic = hashed(world.TOPICS, "topic", query.id) if topic is None else topic % world.TOPICS
    level = _whole(query.meta.get("level"))
    form = hashed(world.FORMS, "form", query.id) if level is None else min(level, world.FORMS) - 1
    hidden, spread = normals(2, seed, "query", query.id)
    z = (
        world.TOPIC_WEIGHT * topics[subject][topic]
        + world.FORM_WEIGHT * world.form_table()[max(form, 0)]
        + world.HIDDEN_WEIGHT * hidden
    )
    return Latents(subject, z, constants.length * math.exp(0.15 * spread))


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
    """

    logit: float
    capability: float
    verbosity: float = 1.0
    slowness: float = 1.0


def backbone_ability(backbone: Backbone, domain: str, seed: int, quirk: float) -> Ability:
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
    logit = ability_logit(rate, domain_of(domain).beta)
    return Ability(logit, min(max((rate - 0.6) / 0.4, 0.0), 1.0), verbosity, slowness)


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
