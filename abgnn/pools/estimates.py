"""Performance, cost and latency of a call of each backbone, estimated (section 3.1.1, App. B).

The figures are estimates from published scores, prices and parameters; a few live calls
(`live_triples`) replace the estimated cost and latency. Reads no files.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from abgnn.data.arrays import Array, Mask
from abgnn.data.backbone import Backbone, Usage
from abgnn.errors import ConfigError

RATINGS: Mapping[str, float] = MappingProxyType({"CodeForces": 1500.0})
"""Benchmarks reported as an Elo rating, with the reference opponent's rating."""

_UNKNOWN, _ENOUGH = 0.7, 4  # where nobody has a score; others with one, for a regression


@dataclass(frozen=True, slots=True)
class DomainEstimates:
    """What a typical call of a domain looks like; rough constants, not measurements.

    Args:
        answer_tokens: visible completion tokens of a standard backbone.
        query_tokens: tokens of the question.
        reasoning_factor: gamma_task of Appendix B: how many times longer a reasoning backbone's
            completion is.
        overhead_tokens: prompt tokens beside the question (role, format).
        tokens_per_s: decoding speed at 1 B active parameters; it falls as active ** -0.4.
        prompt_tokens_per_s: prompt reading speed at 8 B active; it falls as active ** -0.5.
        connect_s: seconds before anything happens.
    """

    answer_tokens: float
    query_tokens: float
    reasoning_factor: float
    overhead_tokens: float = 150.0
    tokens_per_s: float = 140.0
    prompt_tokens_per_s: float = 6000.0
    connect_s: float = 0.4

    def usage(self, backbone: Backbone) -> Usage:
        """Tokens of one call."""
        factor = self.reasoning_factor if backbone.type == "reasoning" else 1.0
        completion = round(self.answer_tokens * factor)
        if backbone.max_tokens is not None:
            completion = min(completion, backbone.max_tokens)
        return Usage(round(self.overhead_tokens + self.query_tokens), completion)

    def latency(self, backbone: Backbone) -> float:
        """Seconds of one call: connection, prompt reading, decoding."""
        usage, active = self.usage(backbone), backbone.active_params_b
        reading = usage.prompt_tokens / self.prompt_tokens_per_s * math.sqrt(active / 8)
        writing = usage.completion_tokens / self.tokens_per_s * math.pow(active, 0.4)
        return self.connect_s + reading + writing


DOMAINS: Mapping[str, DomainEstimates] = MappingProxyType(
    {
        "general": DomainEstimates(answer_tokens=350, query_tokens=130, reasoning_factor=5),
        "math": DomainEstimates(answer_tokens=650, query_tokens=90, reasoning_factor=6),
        "code": DomainEstimates(answer_tokens=420, query_tokens=200, reasoning_factor=8),
    }
)


class Triple(NamedTuple):
    """One backbone on one domain: performance in [0, 1]; USD and seconds per call."""

    perf: float
    cost_usd: float
    latency_s: float


class Triples(NamedTuple):
    """All backbones of a catalogue, in its order.

    Shapes: `perf`, `cost` (USD per call) and `latency` (s per call) are [M]. `unscored` names the
    backbones whose performance is guessed, since no score in the domain is published; `guessed`
    is the same as a mask, [M].
    """

    names: tuple[str, ...]
    perf: Array
    cost: Array
    latency: Array
    unscored: tuple[str, ...] = ()

    @property
    def guessed(self) -> Mask:
        return np.isin(self.names, self.unscored)


def estimate(backbone: Backbone, domain: str, peers: Iterable[Backbone] = ()) -> Triple:
    """The triple z of one backbone, estimated (see `performance` for `peers`)."""
    shape = _domain(domain)
    perf = performance(backbone, domain, peers)
    return Triple(perf, backbone.cost(shape.usage(backbone)), shape.latency(backbone))


def triples(
    catalogue: Iterable[Backbone],
    domain: str,
    measured: Mapping[str, tuple[float, float]] | None = None,
) -> Triples:
    """The triples of all backbones; live measurements override estimated cost and latency.

    Args:
        catalogue: the backbones; each is the others' peer.
        domain: `general`, `math` or `code`.
        measured: name -> (USD per call, seconds per call), for example of `live_triples`.

    Raises:
        ConfigError: unknown domain, a measurement of an unknown backbone or one that is not
            above 0.
    """
    backbones = tuple(catalogue)
    names = tuple(b.name for b in backbones)
    rows = {b.name: estimate(b, domain, backbones) for b in backbones}
    for name, (cost, latency) in (measured or {}).items():
        if name not in rows:
            raise ConfigError("measured", name, ", ".join(names))
        if not (0 < cost < math.inf and 0 < latency < math.inf):
            raise ConfigError(f"measured[{name}]", (cost, latency), "USD and seconds above 0")
        rows[name] = Triple(rows[name].perf, cost, latency)
    perf, cost, latency = np.array([rows[name] for name in names], dtype=np.float64).T  # [M] each
    unscored = tuple(b.name for b in backbones if not b.benchmarks.get(domain))
    return Triples(names, perf, cost, latency, unscored)


def live_triples(calls: Iterable[tuple[str, float, float]]) -> dict[str, tuple[float, float]]:
    """Mean cost and latency per backbone of calls (name, USD, service time in s) that were made.

    Appendix B makes 2 to 4 calls per backbone; feed the result to `triples` as `measured`.
    """
    seen: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for name, cost, seconds in calls:
        seen[name].append((cost, seconds))
    means = {name: np.mean(rows, axis=0) for name, rows in seen.items()}
    return {name: (float(mean[0]), float(mean[1])) for name, mean in means.items()}


def performance(backbone: Backbone, domain: str, peers: Iterable[Backbone] = ()) -> float:
    """Mean of the domain's published scores on a common scale from 0 to 1.

    A percentage p counts p / 100. A rating r counts 1 / (1 + 10 ** ((ref - r) / 400)), the Elo
    expectation against the reference of `RATINGS`. The benchmarks are those that the backbone or
    any of its peers has a score on. A score that the backbone lacks is predicted, so that
    skipping a hard benchmark does not pay: least squares over the peers that have it, logit of
    the missing score on the mean logit of the scores that the backbone does have (slope 1 with
    fewer than three such peers). For a backbone without any score in the domain see `guess`.

    Raises:
        ConfigError: an unknown domain, or a score that is not on its scale.
    """
    _domain(domain)
    others = _scored(backbone, domain, peers)
    if not backbone.benchmarks.get(domain):
        return guess(backbone, others, [performance(b, domain, others) for b in others])
    own = _scores(backbone, domain)
    scored = [_scores(b, domain) for b in others]
    missing = dict.fromkeys(name for row in scored for name in row if name not in own)
    filled = [_predict(name, own, scored) for name in missing]
    return float(np.mean([*own.values(), *(value for value in filled if value is not None)]))


def _domain(domain: str) -> DomainEstimates:
    if domain not in DOMAINS:
        raise ConfigError("domain", domain, ", ".join(DOMAINS))
    return DOMAINS[domain]


def _scores(backbone: Backbone, domain: str) -> dict[str, float]:
    """Published scores in [0, 1]."""
    scores: dict[str, float] = {}
    for name, value in backbone.benchmarks[domain].items():
        if name in RATINGS:
            scores[name] = 1 / (1 + 10 ** ((RATINGS[name] - value) / 400))
        elif value <= 100:
            scores[name] = value / 100
        else:
            allowed = f"a percentage up to 100 (ratings are known for {', '.join(RATINGS)})"
            raise ConfigError(
                f"Backbone({backbone.name}).benchmarks.{domain}.{name}", value, allowed
            )
    return scores


def _predict(
    name: str, own: Mapping[str, float], peers: Sequence[Mapping[str, float]]
) -> float | None:
    """The score on benchmark `name` to be expected of a backbone with the scores `own`."""
    able = [row for row in peers if name in row and own.keys() <= row.keys()]
    if not able:
        return None
    x = np.array([_ability(row, own) for row in able])
    y = np.array([_logit(row[name]) for row in able])
    spread = float(((x - x.mean()) ** 2).sum())
    slope = 1.0 if len(able) < 3 or spread == 0 else float(((x - x.mean()) * y).sum()) / spread
    return _sigmoid(float(y.mean()) + slope * (_ability(own, own) - float(x.mean())))


def _ability(row: Mapping[str, float], names: Iterable[str]) -> float:
    """Mean logit over the named benchmarks."""
    return float(np.mean([_logit(row[name]) for name in names]))


def _scored(backbone: Backbone, domain: str, peers: Iterable[Backbone]) -> list[Backbone]:
    """Other backbones with a score."""
    return [b for b in peers if b.name != backbone.name and b.benchmarks.get(domain)]


def guess(backbone: Backbone, others: Sequence[Backbone], values: Sequence[float]) -> float:
    """What values of others in (0, 1) let expect of a backbone without a score.

    Ridge regression of their logits on the log of the output price and on whether they reason
    first, within their range; without others 0.7.
    """
    if not others:
        return _UNKNOWN
    x = np.array([_traits(b) for b in others])
    y = np.array([_logit(value) for value in values])
    away = x - x.mean(0)
    slopes = np.linalg.solve(away.T @ away + np.eye(2), away.T @ (y - y.mean()))
    value = y.mean() + (_traits(backbone) - x.mean(0)) @ slopes
    return _sigmoid(float(np.clip(value, y.min(), y.max())))


def guess_sd(backbone: Backbone, domain: str, peers: Iterable[Backbone] = ()) -> float:
    """Standard deviation of a guess, as a logit, beside that of published scores; 0 for these.

    Left out one by one, the paper's LLMs are guessed with an error of 0.2 to 0.4. The fewer others
    there are, the less is known.
    """
    if backbone.benchmarks.get(domain):
        return 0.0
    others = len(_scored(backbone, domain, peers))
    return 0.5 if others >= _ENOUGH else 1.0 if others else 1.5


def _traits(backbone: Backbone) -> Array:
    return np.array([math.log(backbone.price_out), float(backbone.type == "reasoning")])


def _logit(p: float) -> float:
    p = min(max(p, 0.005), 0.995)
    return math.log(p / (1 - p))


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


NEAREST: Mapping[str, tuple[str, float, float]] = MappingProxyType(
    {
        "general": ("MMLU-Redux", 0.0, 1.0),
        "math": ("MATH-500", 0.0, 1.0),
        # function-level code is far easier than LiveCodeBench: 11.6 % there go with about 74 %
        "code": ("LiveCodeBench v5", 2.45, 0.7),
    }
)
"""Domain → the published benchmark nearest to the task, and intercept and slope on its logit."""


def expected_accuracy(backbone: Backbone, domain: str, peers: Iterable[Backbone] = ()) -> float:
    """Expected accuracy of a lone call in [0, 1], for rewards; a `guess` without any score.

    `estimates.performance` averages hard and easy benchmarks, which is right for ranking but too
    low and too spread out as an accuracy. Here the benchmark nearest to the task is taken; without
    a score on it, the aggregated performance.
    """
    name, intercept, slope = NEAREST.get(domain, ("", 0.0, 1.0))
    score = backbone.benchmarks.get(domain, {}).get(name)
    if not backbone.benchmarks.get(domain):
        others = _scored(backbone, domain, peers)
        return guess(backbone, others, [expected_accuracy(b, domain, others) for b in others])
    if score is None:
        return performance(backbone, domain, peers)
    p = min(max(score / 100, 0.005), 0.995)
    return 1 / (1 + math.exp(-(intercept + slope * math.log(p / (1 - p)))))
