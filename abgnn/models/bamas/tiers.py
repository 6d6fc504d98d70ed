"""Tiers of LLMs, strongest first, and what an agent of each is estimated to cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import Literal

from abgnn.data.backbone import Backbone
from abgnn.data.catalogue import Catalogue
from abgnn.errors import ConfigError
from abgnn.models.bamas.ilp import Group, Job, exact

Performance = Literal["released", "scores"]

LIBRARY: tuple[Job, ...] = ("planner", "executor", "critic")
"""Jobs in the order of the library, which says which group of a tier is met first."""
WEAKEST: Mapping[Job, float] = MappingProxyType({"planner": 0.95, "executor": 0.5, "critic": 0.5})
"""Released p of the lower of two tiers (GSM8K and MATH; 0.9, 0.8, 0.8 for MBPP)."""


@dataclass(frozen=True, slots=True)
class Tier:
    """One LLM that stands for its tier.

    Args:
        backbone: its name.
        price_in, price_out: USD per million tokens that estimates reckon with.
        performance: p of its agents by job, relative to the strongest tier.
    """

    backbone: str
    price_in: float
    price_out: float
    performance: Mapping[Job, float]


def groups_of(
    tiers: Sequence[Tier], max_tokens: Mapping[Job, int], prompt_tokens: int = 500
) -> tuple[Group, ...]:
    """What can be bought: every job on every tier, at price_in · prompt + price_out · max_tokens.

    Prices per million tokens make this micro-USD.
    """
    return tuple(
        Group(
            job,
            t,
            exact(tier.price_in) * prompt_tokens + exact(tier.price_out) * max_tokens[job],
            exact(tier.performance[job]),
        )
        for job in LIBRARY
        for t, tier in enumerate(tiers)
    )


def choose_tiers(
    catalogue: Catalogue,
    score: Mapping[str, float],
    names: Sequence[str] | None = None,
    number: int = 2,
    performance: Performance | Mapping[str, float] = "released",
) -> tuple[Tier, ...]:
    """Tiers of a catalogue, strongest first.

    Args:
        catalogue: prices.
        score: published score of every backbone, in (0, 1].
        names: the backbone of each tier, strongest first; None: `number` of those that are
            better than all cheaper ones, from the best to the cheapest, evenly by rank. LLMs that
            think are left out, for agents' replies are bounded and they would be cut off.
        number: of tiers.
        performance: p below the strongest tier's 1: `released` (`WEAKEST`, or other values by
            job, for the weakest tier; those between are interpolated), or by `scores`.

    Raises:
        ConfigError: unknown names or jobs, p not in (0, 1], fewer tiers in the catalogue than
            asked for, or less than two.
    """
    chosen = _ranked(catalogue, score, number) if names is None else [catalogue[n] for n in names]
    if len({b.name for b in chosen}) < max(len(chosen), 2):
        raise ConfigError("policy.tiers", names, "two LLMs or more, each once, strongest first")
    best, last = score[chosen[0].name], len(chosen) - 1
    if isinstance(performance, str) and performance == "scores":
        worth = [dict.fromkeys(LIBRARY, min(score[b.name] / best, 1.0)) for b in chosen]
    else:
        lowest = _lowest(performance)
        worth = [
            {job: 1 - (1 - lowest[job]) * t / last for job in LIBRARY} for t in range(last + 1)
        ]
    return tuple(
        Tier(b.name, b.price_in, b.price_out, {job: round(p, 3) for job, p in w.items()})
        for b, w in zip(chosen, worth, strict=True)
    )


def _lowest(performance: Performance | Mapping[str, float]) -> Mapping[Job, float]:
    if isinstance(performance, str):
        if performance != "released":
            raise ConfigError("policy.performance", performance, "released, scores, or p by job")
        return WEAKEST
    for job, p in performance.items():
        if job not in WEAKEST or not 0 < p <= 1:
            raise ConfigError(f"policy.performance.{job}", p, f"p in (0, 1] for {list(WEAKEST)}")
    return {job: performance.get(job, p) for job, p in WEAKEST.items()}


def _ranked(catalogue: Catalogue, score: Mapping[str, float], number: int) -> list[Backbone]:
    """The frontier of score and price of a call (500 tokens in, 384 out), thinned out evenly."""

    def price(b: Backbone) -> Fraction:
        return exact(b.price_in) * 500 + exact(b.price_out) * 384

    plain = [b for b in catalogue if b.type == "standard"]
    cheap_first = sorted(plain or catalogue, key=lambda b: (price(b), -score[b.name]))
    frontier: list[Backbone] = []
    for b in cheap_first:
        if not frontier or score[b.name] > score[frontier[-1].name]:
            frontier.append(b)
    if not 2 <= number <= len(frontier):
        raise ConfigError("policy.n_tiers", number, f"2 to {len(frontier)}, or name the tiers")
    step = Fraction(len(frontier) - 1, number - 1)
    return [frontier[::-1][round(step * i)] for i in range(number)]
