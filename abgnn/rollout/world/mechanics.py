"""One call in the simulated world: how likely it is right, how many tokens and seconds it takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from abgnn.data.backbone import Backbone, Usage
from abgnn.rollout.world import constants as world
from abgnn.rollout.world.latents import Ability, Latents
from abgnn.rollout.world.rules import Rules


class PeerAnswer(NamedTuple):
    """A message as its reader counts it: the sender's weight, whether it is right, its tokens."""

    power: float
    right: bool
    tokens: int


@dataclass(frozen=True, slots=True)
class SimulatedCall:
    """A call of a backbone in a role, with the messages that it has received."""

    backbone: Backbone
    ability: Ability
    role: str
    domain: str
    latents: Latents
    rules: Rules
    received: Sequence[PeerAnswer] = ()

    @property
    def thinks(self) -> bool:
        """Whether the backbone reasons before it answers."""
        return self.backbone.type == "reasoning"

    def logit(self) -> float:
        """L: the call is right with probability sigmoid(L), over everything that is random."""
        rules, shift = self.rules, self.message_shift()
        if self.role == world.DECISION:
            trust, weight = rules.decision
            own, free = trust * self.own_logit(), world.DECISION_FREE
        else:
            trust, weight = rules.agent
            own, free = trust * self.own_logit(), world.AGENT_FREE
        return own + weight * shift - rules.crowding * max(0, len(self.received) - free)

    def own_logit(self) -> float:
        """The logit of the call without messages; a decision agent's role shifts nothing."""
        difficulty = world.DOMAINS[self.domain].beta * self.latents.z
        ability = self.ability.logit + self.ability.deviation(self.latents)
        if self.role == world.DECISION:
            return ability - difficulty
        traits = world.traits(self.domain, self.role)
        return ability + traits.shift(self.latents.subject, thinks=self.thinks) - difficulty

    def message_shift(self) -> float:
        """h: the effect of the messages, in units of the reader's weight for them."""
        if not self.received:
            return 0.0
        rules, ability = self.rules, self.ability
        gain = rules.gain[0] + rules.gain[1] * ability.capability
        harm = rules.harm[0] + rules.harm[1] * ability.capability
        total = math.fsum(h.power * (gain if h.right else -harm) for h in self.received)
        n = len(self.received)
        return ability.strength * (total / (n if rules.mean else math.sqrt(n)))

    def tokens(self, noise: float) -> tuple[int, Usage]:
        """Visible tokens, and what is billed; thinking is billed but not shown to readers.

        Args:
            noise: N(0, 1) of this call.
        """
        constants, z = world.DOMAINS[self.domain], self.latents.z
        spread = math.exp(0.2 * z + 0.3 * noise - 0.045)
        length = self.latents.length * world.traits(self.domain, self.role).length
        visible = length * spread * self.ability.verbosity
        billed = visible * constants.thinking * math.exp(0.15 * z) if self.thinks else visible
        shown = max(round(visible), 1)
        completion = max(round(billed), shown)
        prompt = prompt_tokens(self.domain, self.role, [h.tokens for h in self.received])
        return shown, Usage(prompt, completion, reasoning_tokens=completion - shown)

    def seconds(self, usage: Usage, noise: float) -> float:
        """Service time of a call with this usage; `noise` is its own N(0, 1)."""
        active = self.backbone.active_params_b
        rate = 140 / math.pow(active, 0.4)  # completion tokens per second
        reading = usage.prompt_tokens / 6000 * math.sqrt(active / 8)
        mean = 0.4 + reading + usage.completion_tokens / rate
        return mean * self.ability.slowness * self.ability.delay(noise)


def prompt_tokens(domain: str, role: str, lengths: Sequence[int]) -> int:
    """Tokens of a prompt with messages of so many visible tokens."""
    fixed = 150 + world.DOMAINS[domain].question + (100 if role == world.DECISION else 0)
    return fixed + sum(tokens + 30 for tokens in lengths)


def cut(shown: int, usage: Usage, max_tokens: int | None) -> tuple[int, Usage, bool]:
    """Visible tokens and bill of a reply that may be `max_tokens` long; whether it was cut.

    Thinking comes first, so what is cut off is the answer.
    """
    if max_tokens is None or usage.completion_tokens <= max_tokens:
        return shown, usage, False
    thought = min(usage.reasoning_tokens, max_tokens)
    left = max(max_tokens - thought, 1)
    return left, Usage(usage.prompt_tokens, max_tokens, reasoning_tokens=thought), True
