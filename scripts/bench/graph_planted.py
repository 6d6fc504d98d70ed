"""A simulated world with a planted signal: which agents, which tier, which LLM are best depends on
the subject, and by how much is set. Beside the subject a question has a difficulty that no text
tells; given it, calls have no luck in common, so that all chances are exact (by quadrature)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from graph_truth import Truth, cast_of
from scipy.optimize import brentq
from scipy.special import expit, ndtri

from abgnn.data.arrays import Array, Index
from abgnn.data.backbone import Backbone
from abgnn.data.catalogue import Catalogue
from abgnn.data.query import Query
from abgnn.data.specimens import split_header, with_header
from abgnn.data.template import Template
from abgnn.planning.design import Design, PlanSpace
from abgnn.rollout import SimulatedClient
from abgnn.rollout.clients.base import Completion, Messages
from abgnn.rollout.world import constants as world
from abgnn.rollout.world.latents import Ability, Latents
from abgnn.rollout.world.mechanics import PeerAnswer, SimulatedCall
from abgnn.rollout.world.noise import normals
from abgnn.rollout.world.rules import Rules, rules_of

ROLES = ["Knowledgeable Expert", "Mathematician", "Historian"]
CHEAP, DEAR = ("Qwen3-8B", "Qwen3-14B"), ("Qwen3-32B", "Qwen2.5-72B-Instruct")
LEVEL = {"Qwen3-8B": 0.4, "Qwen3-14B": 0.6, "Qwen3-32B": 1.2, "Qwen2.5-72B-Instruct": 1.4}
RULES: Rules = replace(rules_of(3), shares=(0.0, 0.0, 0.0, 0.0, 1.0), spread={})
PRICE = 30.0  # λ_tok: accuracy per USD
HIDDEN = 1.3  # sd of the difficulty that no text tells, in logits
_ABLE = Ability(0.0, 0.5, strength=1.5)
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(11)


@dataclass(frozen=True)
class Signal:
    """Tables of a seed, times a strength.

    Args:
        subjects: names of G subjects.
        llms: names of M LLMs; roles: of S roles, the decision agent's last.
        by_llm: `[G, M]`: the tier's part and the LLM's own; by_role: `[G, S]`; 0 in the mean over
            subjects.
        strength: logits.
    """

    subjects: tuple[str, ...]
    llms: tuple[str, ...]
    roles: tuple[str, ...]
    by_llm: Array
    by_role: Array
    strength: float = 0.0

    @classmethod
    def of(cls, subjects: Sequence[str], llms: Sequence[str], roles: Sequence[str], seed: int):
        """Half of the subjects want the dear tier; within each tier half of them want the other
        LLM; each role agent is the right one for an equal share of them."""
        rng, g = np.random.default_rng(seed), len(subjects)
        by_llm, by_role = np.zeros((g, len(llms))), np.zeros((g, len(roles)))
        half = np.repeat([1.0, -1.0], [g // 2, g - g // 2])
        tier, own = rng.permutation(half), [rng.permutation(half) for _ in range(2)]
        for side, names in ((-1.0, CHEAP), (1.0, DEAR)):
            for sign, name in zip((1.0, -1.0), names, strict=True):
                within = own[int(side > 0)] * sign
                by_llm[:, llms.index(name)] = 0.5 * side * tier + 0.5 * within
        best = rng.permutation(np.arange(g) % (len(roles) - 1))
        by_role[np.arange(g), best] = 1.5
        by_role[:, :-1] -= 0.5
        return cls(tuple(subjects), tuple(llms), tuple(roles), by_llm, by_role)

    def logits(self) -> Array:
        """Ability less difficulty, `[G, S, M]`."""
        level = np.array([LEVEL[name] for name in self.llms])
        return level + self.strength * (self.by_role[:, :, None] + self.by_llm[:, None])


@dataclass(frozen=True, slots=True)
class PlantedCall(SimulatedCall):
    """A call whose ability less difficulty is stated."""

    own: float = 0.0

    def own_logit(self) -> float:
        return self.own


class PlantedClient(SimulatedClient):
    """`SimulatedClient` in the planted world: tokens, messages and texts as there."""

    def __init__(self, seed: int, signal: Signal, subject: Mapping[str, str]) -> None:
        super().__init__(seed)
        self._rules = self._draws.rules = RULES
        self.signal, self.subject, self.logits = signal, subject, signal.logits()

    def request(self, backbone: Backbone, messages: Messages, query: Query) -> dict[str, object]:
        return {**super().request(backbone, messages, query), "planted": self.signal.strength}

    async def complete(
        self, backbone: Backbone, messages: Messages, *, query: Query, sample: int
    ) -> Completion:
        assert self._specimens is not None
        specimens, role = self._specimens, messages.role.name
        received = []
        for message in messages.received:
            tokens, answer = split_header(message.text)
            power = world.traits(query.domain, message.role).power
            right = bool(specimens.recognise(query, answer))
            received.append(PeerAnswer(power, right, tokens or 1))
        signal = self.signal
        g = signal.subjects.index(self.subject[query.id])
        own = self.logits[g, signal.roles.index(role), signal.llms.index(backbone.name)]
        own = own - HIDDEN * normals(1, self.world_seed, "hidden", query.id)[0]
        latents = Latents("", 0.0, world.DOMAINS[query.domain].length)
        call = PlantedCall(
            backbone, _ABLE, role, query.domain, latents, RULES, received, float(own)
        )
        noise = self._draws.call_noise(query, backbone, role, sample)
        right = self._draws.luck(query, backbone, role, noise.own) < _quantile(call.logit())
        visible, usage = call.tokens(noise.tokens)
        texts = specimens.answers(query).texts
        text = with_header(visible, texts[0 if right else 1])
        return Completion(text, usage, call.seconds(usage, noise.seconds), "stop")


def _quantile(logit: float) -> float:
    """Below it a standard normal is with probability sigmoid(logit)."""
    return float(ndtri(expit(logit)))


class PlantedTruth(Truth):
    """Exact chances: every outcome of the agents that are read is enumerated at every node.

    Rows are subjects, G of them.
    """

    def __init__(self, signal: Signal, catalogue: Catalogue, template: Template) -> None:
        self.rules, self.domain = RULES, "general"
        self.llms, self.roles = tuple(catalogue), tuple(role.name for role in template.roles)
        self.decision, self.own = template.decision, signal.logits()
        g = len(signal.subjects)
        self.z, self.length = np.zeros(g), np.full(g, world.DOMAINS["general"].length)
        strength, able = _ABLE.strength, _ABLE.capability
        up = strength * (RULES.gain[0] + able * RULES.gain[1])
        down = -strength * (RULES.harm[0] + able * RULES.harm[1])
        self.reader = np.tile([up, down], (len(self.llms), 1))
        self.wordy = np.ones(len(self.llms))
        self.power = np.array([world.traits("general", role).power for role in self.roles])

    def accuracy(self, design: Design, rows: Index | slice = slice(None)) -> Array:
        cast = cast_of(design, self.decision)
        n = len(self.z[rows])
        states: list[tuple[dict[int, Array], Array]] = [({}, np.ones((len(_NODES), n)))]
        for place, (slot, m, senders) in enumerate(cast):
            own, following = self.own[rows, slot, m] - HIDDEN * _NODES[:, None], []
            for right, weight in states:
                shift = self._messages(m, senders, right) if senders else 0.0
                chance = expit(self._logit(own, slot, shift, len(senders)))  # [nodes, n]
                if place == len(cast) - 1:
                    following.append((right, weight * chance))
                    continue
                for outcome, share in ((True, chance), (False, 1 - chance)):
                    known = {**right, slot: np.array([[outcome]])}
                    following.append((known, weight * share))
            states = following
        total = np.sum([weight for _, weight in states], 0)
        out: Array = _WEIGHTS @ total / _WEIGHTS.sum()
        return out

    def utility(self, designs: Sequence[Design]) -> Array:
        """Accuracy less λ · USD, `[G, D]`."""
        return np.stack([self.accuracy(d) - PRICE * self.usd(d) for d in designs], 1)


def whole_space(space: PlanSpace) -> list[Design]:
    """Every design: agents, LLMs, edges, decision agent."""
    out, llms = [], space.pools[0]
    for size in range(1, len(space.slots) + 1):
        for chosen in product((0, 1), repeat=len(space.slots)):
            slots = [s for s, on in zip(space.slots, chosen, strict=True) if on]
            if len(slots) != size:
                continue
            full = space.shaped(slots, "full")
            for backbones in product(llms, repeat=size):
                for on in product((0, 1), repeat=len(full)):
                    edges = tuple(e for e, flag in zip(full, on, strict=True) if flag)
                    ends = llms if size > 1 else llms[:1]
                    out += [space.make(slots, backbones, edges, m) for m in ends]
    return out


@dataclass(frozen=True)
class Headroom:
    """What can be gained by reading questions: mean utility of the best plan by question, and of
    the best plan for all of them."""

    by_question: float
    fixed: float
    best_fixed: Design

    @property
    def points(self) -> float:
        return 100 * (self.by_question - self.fixed)


def headroom(truth: PlantedTruth, designs: Sequence[Design], weight: Array) -> Headroom:
    """Over all designs; `weight` are the shares of the subjects, `[G]`."""
    utility = truth.utility(designs)
    mean = weight @ utility
    top = int(mean.argmax())
    return Headroom(float(weight @ utility.max(1)), float(mean[top]), designs[top])


def planted(
    signal: Signal,
    catalogue: Catalogue,
    space: PlanSpace,
    weight: Array,
    points: float,
) -> tuple[Signal, Headroom]:
    """The signal at the strength that gives so many points of headroom, nearly; what it gives
    exactly is stated."""
    designs = whole_space(space)

    def at(strength: float) -> tuple[Signal, Headroom]:
        made = replace(signal, strength=strength)
        return made, headroom(PlantedTruth(made, catalogue, space.template), designs, weight)

    if points <= 0:
        return at(0.0)
    strength = brentq(lambda x: at(x)[1].points - points, 0.0, 1.5, xtol=1e-2)
    return at(float(strength))
