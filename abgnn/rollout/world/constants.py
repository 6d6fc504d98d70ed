"""Tables and constants of the simulated world, by domain, role and message.

It is a model, not evidence about any real LLM. Logits, except where tokens or seconds are stated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

DECISION = "Decision Maker"
AREAS = ("stem", "hum", "soc", "law")  # subjects of `general`; math and code are their own subject
SUBJECTS = (*AREAS, "math", "code")
TOPICS, FORMS = 10, 5

# Difficulty: z = .6 T[subject, topic] + .5 K[form] + sqrt(.39) N(0, 1).
TOPIC_WEIGHT, FORM_WEIGHT, HIDDEN_WEIGHT = 0.6, 0.5, 0.39**0.5

DECISION_FREE, AGENT_FREE = 5, 2  # messages that crowd nobody


@dataclass(frozen=True, slots=True)
class Domain:
    """Constants of one domain.

    Args:
        beta: how much difficulty weighs.
        length: mean visible tokens of an answer.
        thinking: completion tokens of a thinking backbone per visible token.
        question: tokens of the question.
        benchmark: whose published score is the mean solve rate.
        offset, slope: solve rate = sigmoid(offset + slope logit(score)).
    """

    beta: float
    length: float
    thinking: float
    question: int
    benchmark: str
    offset: float = 0.0
    slope: float = 1.0


DOMAINS: Mapping[str, Domain] = MappingProxyType(
    {
        "general": Domain(2.2, 350, 5, 130, "MMLU-Redux"),
        "math": Domain(2.2, 650, 6, 90, "MATH-500"),
        "code": Domain(2.0, 420, 8, 200, "LiveCodeBench v5", offset=2.45, slope=0.7),
    }
)


@dataclass(frozen=True, slots=True)
class Traits:
    """Constants of one role.

    Args:
        power: weight of its messages with their readers.
        direct, thinking: shift of its ability for standard and reasoning backbones.
        affinity: further shift by subject of `general`, or one for the whole domain.
        length: its visible tokens relative to a plain answer.
    """

    power: float = 1.0
    direct: float = 0.0
    thinking: float = 0.0
    affinity: tuple[float, ...] = (0.0,)
    length: float = 1.0

    def shift(self, subject: str, *, thinks: bool) -> float:
        """Total shift of ability for a question of this subject."""
        by_area = len(self.affinity) > 1
        fit = self.affinity[AREAS.index(subject) if by_area else 0]
        return fit + (self.thinking if thinks else self.direct)


_CRITIC = Traits(1.35, 0.25, 0.0, length=0.8)
_GENERAL = {
    "Knowledgeable Expert": Traits(),
    "Wiki Searcher": Traits(0.9, 0.0, -0.1, (-0.2, 0.3, 0.1, 0.2)),
    "Mathematician": Traits(1.0, -0.2, 0.1, (0.5, -0.7, -0.5, -0.4)),
    "Historian": Traits(1.0, 0.0, 0.0, (-0.8, 0.6, 0.1, 0.2)),
    "Psychologist": Traits(0.7, -0.7, -0.2, (-0.9, -0.3, 0.7, -0.3)),
    "Critic": _CRITIC,
}
_MATH = {
    "Math Solver": Traits(),
    "Mathematical Analyst": Traits(1.0, -0.1, 0.1, (0.1,)),
    "Programming Expert": Traits(0.9, 0.0, 0.0, (-0.2,)),
    "Knowledgeable Expert": Traits(0.9, 0.0, 0.0, (-0.5,)),
    "Psychologist": Traits(0.7, -0.7, -0.2, (-1.2,)),
    "Inspector": _CRITIC,
}
_CODE = {
    "Project Manager": Traits(0.7, 0.0, 0.0, (-0.6,)),
    "Algorithm Designer": Traits(1.0, -0.1, 0.1, (0.1,)),
    "Programming Expert": Traits(),
    "Psychologist": Traits(0.7, -0.7, -0.2, (-1.3,)),
    "Test Analyst": Traits(1.2, 0.1, 0.0, (-0.1,)),
    "Bug Fixer": Traits(1.35, 0.1, 0.1, (0.1,), length=0.8),
}
_UNKNOWN, _DECIDES = Traits(), Traits(length=0.6)
_ROLES = MappingProxyType({"general": _GENERAL, "math": _MATH, "code": _CODE})


def traits(domain: str, role: str) -> Traits:
    """A role's traits; the default ones for a role that the tables do not name."""
    return _DECIDES if role == DECISION else _ROLES[domain].get(role, _UNKNOWN)


def topic_table() -> Mapping[str, tuple[float, ...]]:
    """T: difficulty by subject and topic, unit variance; the same in every world."""
    rng = np.random.default_rng(777)
    return {s: tuple(rng.permutation(_spread(1.5, TOPICS)).tolist()) for s in SUBJECTS}


def form_table() -> tuple[float, ...]:
    """K: difficulty by form (level), unit variance."""
    return tuple(_spread(1.4, FORMS))


def _spread(end: float, count: int) -> list[float]:
    values = np.linspace(-end, end, count)
    return [float(v) for v in values / values.std()]
