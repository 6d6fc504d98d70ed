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
from abgnn.rollout.world.draws import Draws
from abgnn.rollout.world.latents import solve_rate
from abgnn.rollout.world.mechanics import (
    PeerAnswer,
    SimulatedCall,
    cut,
    prompt_tokens,
)
from abgnn.rollout.world.rules import MessageKind, Version, rules_of
from abgnn.rollout.world.specimens import Specimens


class SimulatedClient:
    r"""LLMs whose answers are drawn from a world with known mechanics.

    An agent with ability a (from the published score), better or worse by d at a question's area,
    topic and form, in a role with shift s, answers a question of difficulty z right iff
    :math:`\Phi(g) < \sigma(L)`; g is standard normal and shared in part by calls with the same
    family, weights, backbone, role, so errors are correlated, and

    .. math::
        L_{agent} &= a + d + s - \beta z + 1.5\, h \\
        L_{decision} &= 0.45\,(a + d - \beta z) + 2\, h \\
        h &= \frac{m}{n} \sum_k w_k (ok_k ? 0.60 + 0.60 c : -(0.50 + 0.40 c))

    over the n messages received, judged from their text; m is the backbone's own strength,
    lognormal. A wrong answer is often the question's attractor, and mostly the one that the
    backbone gives whenever it is wrong. The answer is the task's own specimen, below a line with
    the number of tokens that it stands for. Service times are simulated seconds with an endpoint's
    own spread; nothing sleeps. Constants: `abgnn.rollout.world.rules`.

    Args:
        world_seed: which world; a draw depends on it, the query's id, the backbone, the role and
            the sample index only.
        quirk: how far backbones are from their published profiles: solve rates by N(0, quirk)
            logit, tokens and seconds by factors exp(N(0, quirk)), fixed per world and domain.
        mislead: how version 2 says `messages: mislead`. A client that states it, and no version,
            is version 2, as in every file of 0.1.
        version: 3 is fitted to tables of real answers and real debates; 2 is the world of 0.1.
        messages: `usual`; `neutral`, where they do little; `pushy`, where they do twice as much;
            `mislead`, where they do more harm than good, so that committees lose. Version 2 has
            the first and the last.
        interaction: a factor on how far backbones are better or worse at some areas, topics and
            forms than in their mean; version 2 has none of it.
        attraction: how often a wrong call takes the question's attractor, beyond chance; None:
            what the task says. Version 2's wrong answers are always that one.

    Raises:
        ConfigError: a number out of its range, or what the version does not have.
    """

    label = "simulated"

    def __init__(
        self,
        world_seed: int = 0,
        *,
        quirk: float = 0.0,
        mislead: bool | None = None,
        version: Version | None = None,
        messages: MessageKind | None = None,
        interaction: float = 1.0,
        attraction: float | None = None,
    ) -> None:
        if quirk < 0:
            raise ConfigError("SimulatedClient.quirk", quirk, "a number from 0")
        if mislead is not None and messages not in (None, "mislead" if mislead else "usual"):
            allowed = "nothing, where `messages` is stated"
            raise ConfigError("SimulatedClient.mislead", mislead, allowed)
        self.world_seed, self.quirk = world_seed, quirk
        self.version: Version = version or (3 if mislead is None else 2)
        self.messages: MessageKind = messages or ("mislead" if mislead else "usual")
        self.interaction, self.attraction = interaction, attraction
        self._start()

    def _start(self) -> None:
        self._rules = rules_of(self.version, self.messages, self.interaction, self.attraction)
        self._draws = Draws(self.world_seed, self.quirk, self._rules)
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
            self._specimens = Specimens(task, keyed=self._rules.repeats > 0)

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
        call = SimulatedCall(backbone, ability, role, query.domain, latents, self._rules, received)
        noise = self._draws.call_noise(query, backbone, role, sample)
        g = self._draws.luck(query, backbone, role, noise.own)
        right = _normal_cdf(g) < _sigmoid(call.logit())
        visible, usage, short = cut(*call.tokens(noise.tokens), backbone.max_tokens)
        texts, place = specimens.answers(query).texts, 0
        if short or not right:
            wrong, attraction = len(texts) - 1, self._rules.attraction
            attraction = specimens.attraction_of(query) if attraction is None else attraction
            place = 1 + self._draws.wrong_place(query, backbone, noise, wrong, attraction)
        finish = "length" if short else "stop"
        seconds = call.seconds(usage, noise.seconds)
        return Completion(with_header(visible, texts[place]), usage, seconds, finish)

    def prompt_tokens(self, messages: Messages, query: Query) -> int:
        """Prompt tokens by the world's own rule: texts here are short and state their length."""
        lengths = [_visible(*split_header(message.text)) for message in messages.received]
        return prompt_tokens(query.domain, messages.role.name, lengths)

    async def aclose(self) -> None:
        """Nothing to free."""

    def __repr__(self) -> str:
        """The world; part of a call's identity in recordings, so version 2's never changes."""
        messages = "" if self.messages == "usual" else f", {self.messages}"
        version = "" if self.version == 2 else f"version={self.version}, "
        world = f"{version}world_seed={self.world_seed}, quirk={self.quirk:g}{messages}"
        if self.interaction != 1:
            world += f", interaction={self.interaction:g}"
        if self.attraction is not None:
            world += f", attraction={self.attraction:g}"
        return f"SimulatedClient({world})"

    def __getstate__(self) -> dict[str, Any]:
        """The world; a copy is bound to its task anew."""
        names = ("world_seed", "quirk", "version", "messages", "interaction", "attraction")
        return {name: getattr(self, name) for name in names}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """From a state of now, or of 0.1, whose world was version 2."""
        self.world_seed, self.quirk = int(state["world_seed"]), state["quirk"]
        self.version = state.get("version", 2)
        self.messages = state.get("messages", "mislead" if state.get("mislead") else "usual")
        self.interaction = state.get("interaction", 1.0)
        self.attraction = state.get("attraction")
        self._start()


async def _peer_answer(specimens: Specimens, query: Query, message: PeerMessage) -> PeerAnswer:
    """Judge a message from its text; unknown text is scored off the loop, since code may run."""
    tokens, answer = split_header(message.text)
    right = specimens.recognise(query, answer)
    if right is None:
        right = await asyncio.to_thread(specimens.judge, query, answer)
    visible = _visible(tokens, answer)
    return PeerAnswer(world.traits(query.domain, message.role).power, right, visible)


def _visible(tokens: int | None, answer: str) -> int:
    """The tokens that a message states in its header, else an estimate by its length."""
    return max(len(answer) // 4, 1) if tokens is None else tokens


def _normal_cdf(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0
