"""What is true of any team in a simulated world: accuracy over all luck, expected USD. No calls."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import expit, logit, ndtr, ndtri

from abgnn.data.arrays import Array, Index
from abgnn.data.catalogue import Catalogue
from abgnn.data.query import Query
from abgnn.data.template import Template
from abgnn.planning.design import Design
from abgnn.planning.team_forecasts import cast_of
from abgnn.rollout.world import constants as world
from abgnn.rollout.world.mechanics import prompt_tokens
from abgnn.rollout.world.study import World

HEADER = 30  # tokens about a message beside its own


class Truth:
    """Teams on Q questions, in numbers of a template's roles and a catalogue's LLMs.

    Args:
        place: the world.
        catalogue: M LLMs.
        template: S roles, the decision agent's last; all questions are of one domain.
        queries: Q questions.
        draws: of luck, in antithetic pairs, the same for all questions and designs; the answering
            agent's own luck is integrated in closed form.
    """

    def __init__(
        self,
        place: World,
        catalogue: Catalogue,
        template: Template,
        queries: Sequence[Query],
        draws: int = 512,
    ) -> None:
        self.rules, self.domain = place.rules, queries[0].domain
        self.llms, self.roles = tuple(catalogue), tuple(role.name for role in template.roles)
        self.decision = template.decision
        latents = [place.draws.latents(query) for query in queries]
        self.z = np.array([of.z for of in latents])
        self.length = np.array([of.length for of in latents])
        self.own = np.stack([self._own(place, queries, role) for role in self.roles], 1)
        self.reader = np.array([place.reader(m, self.domain) for m in self.llms])  # [M, 2]
        ability = [place.draws.ability(m, self.domain) for m in self.llms]
        self.wordy = np.array([of.verbosity for of in ability])
        self.power = np.array([world.traits(self.domain, role).power for role in self.roles])
        self.shared, self.bar = self._luck(draws)

    def _own(self, place: World, queries: Sequence[Query], role: str) -> Array:
        """Ability less difficulty, `[Q, M]`."""
        trust = self.rules.decision[0] if role == world.DECISION else self.rules.agent[0]
        out: Array = place.true_logits(queries, self.llms, role) / trust
        return out

    def _luck(self, draws: int) -> tuple[Array, Array]:
        """What a pair's luck has in common over calls, and the logit above which it is right,
        `[R, S, M]` each."""
        rng, s, m = np.random.default_rng(0), len(self.roles), len(self.llms)

        def normal(count: int) -> Array:
            half = rng.standard_normal((draws // 2, count))
            return np.concatenate([half, -half])

        levels = ([b.family for b in self.llms], [b.weights for b in self.llms], range(m))
        shared = np.zeros((2 * (draws // 2), s, m))
        for share, names in zip(self.rules.shares, levels, strict=False):
            numbers = {name: i for i, name in enumerate(dict.fromkeys(names))}
            drawn = normal(len(numbers))[:, [numbers[name] for name in names]]
            shared += np.sqrt(share) * drawn[:, None]
        shared += np.sqrt(self.rules.shares[3]) * normal(s * m).reshape(-1, s, m)
        g = shared + np.sqrt(self.rules.shares[4]) * normal(s * m).reshape(-1, s, m)
        return shared, logit(np.clip(ndtr(g), 1e-12, 1 - 1e-12))

    def accuracy(self, design: Design, rows: Index | slice = slice(None)) -> Array:
        """P(the answer is right) on some of the questions, `[n]`."""
        right: dict[int, Array] = {}
        value = np.zeros((1, 1))
        cast = cast_of(design, self.decision)
        for slot, m, senders in cast:
            shift = self._messages(m, senders, right) if senders else 0.0
            value = self._logit(self.own[rows, slot, m], slot, shift, len(senders))
            right[slot] = self.bar[:, slot, m, None] < value  # [R, n]
        slot, m, _ = cast[-1]
        rest = np.sqrt(self.rules.shares[4])
        bar = ndtri(np.clip(expit(value), 1e-9, 1 - 1e-9))
        chance: Array = ndtr((bar - self.shared[:, slot, m, None]) / rest).mean(0)
        return chance

    def _logit(self, own: Array, slot: int, shift: Array | float, n: int) -> Array:
        decides = slot == self.decision
        trust, weight = self.rules.decision if decides else self.rules.agent
        free = world.DECISION_FREE if decides else world.AGENT_FREE
        out: Array = trust * own + weight * np.atleast_2d(shift)
        return out - self.rules.crowding * max(0, n - free)

    def _messages(self, m: int, senders: Sequence[int], right: dict[int, Array]) -> Array:
        up, down = self.reader[m]
        total = sum(self.power[u] * np.where(right[u], up, down) for u in senders)
        n = len(senders)
        out: Array = total / (n if self.rules.mean else np.sqrt(n))
        return out

    def usd(self, design: Design, rows: Index | slice = slice(None)) -> Array:
        """Expected dollars, `[n]`."""
        z, total = self.z[rows], np.zeros(len(self.z[rows]))
        visible: dict[int, Array] = {}
        for slot, m, senders in cast_of(design, self.decision):
            llm, traits = self.llms[m], world.traits(self.domain, self.roles[slot])
            visible[slot] = self.wordy[m] * self.length[rows] * traits.length * np.exp(0.2 * z)
            thinks = llm.type == "reasoning"
            more = world.DOMAINS[self.domain].thinking * np.exp(0.15 * z) if thinks else 1.0
            read = sum((visible[u] + HEADER for u in senders), np.zeros(len(z)))
            prompt = prompt_tokens(self.domain, self.roles[slot], []) + read
            total += 1e-6 * (prompt * llm.price_in + visible[slot] * more * llm.price_out)
        return total

    def values(self, designs: Sequence[Design]) -> tuple[Array, Array]:
        """Accuracy and USD of one design for each of the questions, `[Q]` each."""
        accuracy, usd = np.empty(len(designs)), np.empty(len(designs))
        for design in dict.fromkeys(designs):
            rows = np.array([i for i, other in enumerate(designs) if other == design])
            accuracy[rows], usd[rows] = self.accuracy(design, rows), self.usd(design, rows)
        return accuracy, usd
