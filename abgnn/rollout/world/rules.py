"""What a version of the simulated world says about luck, messages, wrong answers and seconds.

Version 3 is fitted to tables of real answers and to real debates; version 2 is the world of 0.1,
kept to the bit. Both are models, not evidence about any real LLM.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal, get_args

from abgnn.errors import ConfigError

Version = Literal[2, 3]
MessageKind = Literal["usual", "neutral", "pushy", "mislead"]
Spread = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Rules:
    """The numbers of one version with one kind of messages. Logits, unless something else is named.

    Args:
        version: which world.
        shares: of the variance of g: query × family, weights, backbone, backbone and role; the
            call itself.
        gain, harm: effect of a right and of a wrong message, (constant, per capability).
        mean: messages count by their mean; else by their sum over the root of their number.
        agent, decision: weights of own ability and of messages, of an agent and a decision agent.
        crowding: loss per message beyond the second (decision agent: fifth).
        strength: sd of the logarithm of a backbone's own strength of message effects.
        push: a factor on every strength.
        spread: sd of LLM × area, LLM × topic, LLM × form by domain; none: 0.
        repeats: how often a backbone that is wrong twice is wrong in the same way; 0: every wrong
            answer to a question is the same.
        tail: least and greatest sd of the logarithm of an endpoint's seconds.
        attraction: α of wrong answers; None: the task's.
    """

    version: Version
    shares: tuple[float, ...]
    gain: tuple[float, float]
    harm: tuple[float, float]
    mean: bool
    agent: tuple[float, float]
    decision: tuple[float, float]
    crowding: float = 0.0
    strength: float = 0.0
    push: float = 1.0
    spread: Mapping[str, Spread] = field(default_factory=dict)
    repeats: float = 0.0
    tail: tuple[float, float] = (0.15, 0.15)
    attraction: float | None = None

    def own_spread(self, domain: str) -> Spread:
        """sd of LLM × area, LLM × topic and LLM × form in this domain."""
        return self.spread.get(domain, (0.0, 0.0, 0.0))


_SECOND = Rules(
    version=2,
    shares=(0.20, 0.25, 0.20, 0.20, 0.15),
    gain=(0.40, 0.85),
    harm=(1.20, -0.90),
    mean=False,
    agent=(1.0, 1.5),
    decision=(0.85, 1.25),
    crowding=0.12,
)
_THIRD = Rules(
    version=3,
    shares=(0.03, 0.10, 0.40, 0.12, 0.35),
    gain=(0.60, 0.60),
    harm=(0.50, 0.40),
    mean=True,
    agent=(1.0, 1.5),
    decision=(0.45, 2.0),
    strength=0.6,
    spread=MappingProxyType(
        {"general": (0.35, 0.5, 0.0), "math": (0.0, 0.5, 0.35), "code": (0.0, 0.5, 0.35)}
    ),
    repeats=0.80,
    tail=(0.15, 0.60),
)
_RULES: Mapping[tuple[int, str], Rules] = MappingProxyType(
    {
        (2, "usual"): _SECOND,
        (2, "mislead"): replace(_SECOND, harm=(1.80, -0.90), mean=True, decision=(0.6, 0.7)),
        (3, "usual"): _THIRD,
        (3, "neutral"): replace(_THIRD, gain=(0.50, 0.35), harm=(0.25, 0.10)),
        (3, "pushy"): replace(_THIRD, push=2.0),
        (3, "mislead"): replace(_THIRD, harm=(1.10, 0.40), decision=(0.3, 1.1)),
    }
)


def rules_of(
    version: Version,
    messages: MessageKind = "usual",
    interaction: float = 1.0,
    attraction: float | None = None,
) -> Rules:
    """The rules by name, with a factor on `spread` and another α where they are stated.

    Raises:
        ConfigError: no such version, what it does not have, or a number out of its range.
    """
    if version not in get_args(Version):
        raise ConfigError("SimulatedClient.version", version, "2 or 3")
    if (version, messages) not in _RULES:
        allowed = " | ".join(kind for of, kind in _RULES if of == version)
        raise ConfigError("SimulatedClient.messages", messages, f"in version {version}: {allowed}")
    if not 0 <= interaction < math.inf or (version == 2 and interaction != 1):
        allowed = "a number from 0; 1 in version 2"
        raise ConfigError("SimulatedClient.interaction", interaction, allowed)
    if attraction is not None and (version == 2 or not 0 <= attraction <= 1):
        allowed = "from 0 to 1; nothing in version 2"
        raise ConfigError("SimulatedClient.attraction", attraction, allowed)
    rules = _RULES[version, messages]
    spread = {
        domain: (interaction * area, interaction * topic, interaction * form)
        for domain, (area, topic, form) in rules.spread.items()
    }
    return replace(rules, spread=MappingProxyType(spread), attraction=attraction)
