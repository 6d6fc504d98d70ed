"""`SimulatedClient`: a cheap, deterministic simulation of LLMs that answer with text.

It is for training, tests and demonstrations; its results are labelled *simulated*.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable
from typing import Any

from abgnn.data.backbone import Backbone
from abgnn.data.query import Query, Task
from abgnn.data.specimens import split_header, with_header
from abgnn.errors import ConfigError
from abgnn.rollout.clients.base import Completion, Messages, PeerMessage
from abgnn.rollout.world import constants as world
from abgnn.rollout.world.draws import Draws, Specimens
from abgnn.rollout.world.latents import solve_rate
from abgnn.rollout.world.mechanics import (
    PeerAnswer,
    SimulatedCall,
    cut,
    prompt_tokens,
)


class SimulatedClient:
    r"""LLMs whose answers are drawn from a world with known mechanics.

    An agent with ability a (from the published score) in a role with shift s answers a question
    of difficulty z right iff :math:`\Phi(g) < \sigma(L)`; g is standard normal and shared in part
    by calls with the same family, weights, backbone, role, so errors are correlated, and

    .. math::
        L_{agent} &= a + s - \beta z + 1.5\, h - 0.12 \max(0, n - 2) \\
        L_{decision} &= 0.85\,(a - \beta z) + 1.25\, h - 0.12 \max(0, n - 5) \\
        h &= n^{-1/2} \sum_k w_k (ok_k ? 0.40 + 0.85 c : -(1.20 - 0.90 c))

    over the n messages received, judged from their text. The answer is the task's own specimen,
    right or wrong, below a line with the number of tokens that it stands for. Service times are
    simulated seconds; nothing sleeps.

    Args:
        world_seed: which world; a draw depends on it, the query's id, the backbone, the role and
            the sample index only.
        quirk: how far backbones are from their published profiles: solve rates by N(0, quirk)
            logit, tokens and seconds by factors exp(N(0, quirk)), fixed per world and domain.
        mislead: a world whose messages do more harm than good: wrong ones weigh more (1.80), many
            ones no more than their mean, and the decision agent is weak (0.6 and 0.7 for 0.85 and
            1.25): committees lose.
    """

    label = "simulated"

    def __init__(self, world_seed: int = 0, *, quirk: float = 0.0, mislead: bool = False) -> None:
        if quirk < 0:
            raise ConfigError("SimulatedClient.quirk", quirk, "a number from 0")
        self.world_seed, self.quirk, self.mislead = world_seed, quirk, mislead
        self._draws = Draws(world_seed, quirk)
        self._specimens: Specimens | None = None

    def check(self, backbones: Iterable[Backbone]) -> None:
        """Check that every backbone has a published score: in the task's domain, if it has one.

        Raises:
            ConfigError: one has none.
        """
        domain = getattr(self._specimens.task, "domain", "") if self._specimens else ""
        for backbone in backbones:
            known = (d for d in world.DOMAINS if backbone.benchmarks.get(d))
            solve_rate(backbone, str(domain) if domain in world.DOMAINS else next(known, "general"))

    def bind(self, task: Task) -> None:
        """Take the task whose specimens are the answers."""
        if self._specimens is None or self._specimens.task is not task:
            self._specimens = Specimens(task)

    def endpoint(self, backbone: Backbone) -> str | None:
        """None: nothing is limited, nothing fails."""

    def request(self, backbone: Backbone, messages: Messages, query: Query) -> dict[str, Any]:
        """Backbone, world and question are part of it, since draws depend on them."""
        parameters = {"client": repr(self), "query": query.id}
        return {"model": backbone.name, "messages": messages.chat(), "parameters": parameters}

    async def complete(
        self, backbone: Backbone, messages: Messages, *, query: Query, sample: int
    ) -> Completion:
        """Draw correctness, tokens and seconds, and answer with the specimen.

        Raises:
            ConfigError: no task is bound, an unknown domain, or no published score in it.
        """
        if self._specimens is None:
            raise ConfigError("SimulatedClient.task", None, "a task; call bind(task) first")
        specimens, role = self._specimens, messages.role.name
        latents = self._draws.latents(query)
        received = [await _peer_answer(specimens, query, message) for message in messages.received]
        ability = self._draws.ability(backbone, query.domain)
        call = SimulatedCall(backbone, ability, role, query.domain, latents, received, self.mislead)
        own, wordiness, delay = self._draws.call_noise(query, backbone, role, sample)
        g = self._draws.luck(query, backbone, role, own)
        right = _normal_cdf(g) < _sigmoid(call.logit())
        visible, usage, short = cut(*call.tokens(wordiness), backbone.max_tokens)
        text = with_header(visible, specimens.pair(query)[0 if right and not short else 1])
        finish = "length" if short else "stop"
        return Completion(text, usage, call.seconds(usage, delay), finish)

    def prompt_tokens(self, messages: Messages, query: Query) -> int:
        """Prompt tokens by the world's own rule: texts here are short and state their length."""
        lengths = [_visible(message.text) for message in messages.received]
        return prompt_tokens(query.domain, messages.role.name, lengths)

    async def aclose(self) -> None:
        """Nothing to free."""

    def __repr__(self) -> str:
        world = ", mislead" if self.mislead else ""
        return f"SimulatedClient(world_seed={self.world_seed}, quirk={self.quirk:g}{world})"

    def __getstate__(self) -> dict[str, float]:
        """The world; a copy is bound to its task anew."""
        return {"world_seed": self.world_seed, "quirk": self.quirk, "mislead": self.mislead}

    def __setstate__(self, state: dict[str, float]) -> None:
        self.world_seed, self.quirk = int(state["world_seed"]), state["quirk"]
        self.mislead = bool(state["mislead"])
        self._draws = Draws(self.world_seed, self.quirk)
        self._specimens = None


async def _peer_answer(specimens: Specimens, query: Query, message: PeerMessage) -> PeerAnswer:
    """Judge a message from its text; unknown text is scored off the loop, since code may run."""
    _, answer = split_header(message.text)
    right = specimens.recognise(query, answer)
    if right is None:
        right = await asyncio.to_thread(specimens.judge, query, answer)
    return PeerAnswer(world.traits(query.domain, message.role).power, right, _visible(message.text))


def _visible(text: str) -> int:
    """The tokens that a message states in its header, else an estimate by its length."""
    tokens, answer = split_header(text)
    return max(len(answer) // 4, 1) if tokens is None else tokens


def _normal_cdf(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0
