"""What accuracy a lone call may be expected to reach on a task, from published scores alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from abgnn.catalogue import Backbone
from abgnn.estimates import performance

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
    """Accuracy in [0, 1] that a reward can be reckoned with.

    `estimates.performance` averages hard and easy benchmarks, which is right for ranking but too
    low and too spread out as an accuracy. Here the benchmark nearest to the task is taken; without
    a score on it, the aggregated performance.
    """
    name, intercept, slope = NEAREST.get(domain, ("", 0.0, 1.0))
    score = backbone.benchmarks.get(domain, {}).get(name)
    if score is None:
        return performance(backbone, domain, peers)
    p = min(max(score / 100, 0.005), 0.995)
    return 1 / (1 + math.exp(-(intercept + slope * math.log(p / (1 - p)))))
