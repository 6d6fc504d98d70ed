"""Designs on questions, simulated with draws that all questions and designs share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit, logit, ndtr, ndtri

from abgnn.data.arrays import Array
from abgnn.planning.beliefs import Belief, Forecasts
from abgnn.planning.design import Design
from abgnn.planning.lone_calls import LoneCalls, expected_accuracy
from abgnn.planning.observations import Observations
from abgnn.planning.prior import Prior
from abgnn.planning.question_calls import STRONG, Seen
from abgnn.planning.question_model import QuestionModel
from abgnn.planning.usage_model import UsageModel, fit_bill

SERVED = 128  # draws that plans are made with
OPTIMISM = 0.02
"""What is taken off a team's accuracy: its answer depends on many parameters at once, and the teams
of a portfolio are those that chance has made look best. Chosen on simulated worlds 900 to 904."""
_SHARED = 0.5  # of a backbone's luck on a question, over its roles
HEADER = 30  # tokens about a message beside its own


@dataclass(frozen=True)
class Bills:
    """What calls use: dollars without what is read, seconds, tokens that readers read.

    Hard questions, which get the dear teams, are also those that LLMs write most about.

    Args:
        usd, seconds, visible: by LLM, role, kind of question, and how hard it is.
        hard: how hard questions are: weights of φ, and the mean and standard deviation of what
            they say of the training questions, `[F + 2]`.
    """

    usd: UsageModel
    seconds: UsageModel
    visible: UsageModel
    hard: Array

    @classmethod
    def fit(cls, observed: Observations, profile: Prior, model: QuestionModel, seen: Seen) -> Bills:
        """To observed calls on the questions that were seen."""
        slots, length = model.layout.slots, np.full(len(profile.names), profile.answer_tokens)
        weight = -model.layout.parts(model.mean)["question"]  # [F]
        says = seen.phi @ weight
        spread = float(says.std()) if len(says) else 0.0
        hard = np.array([*weight, float(says.mean()), spread if spread > 1e-6 else 1.0])
        group = seen.kind.argmax(1) if seen.kind.shape[1] else np.zeros(len(seen), dtype=np.int64)
        observed = replace(observed, difficulty=_hardness(hard, seen), group=group)
        return cls(
            fit_bill(observed, observed.usd, profile, slots, profile.usd),
            fit_bill(observed, observed.seconds, profile, slots, profile.seconds),
            fit_bill(observed, observed.visible, profile, slots, length),
            hard,
        )

    def tables(self, profile: Prior, seen: Seen) -> tuple[Array, Array, Array]:
        """Expected dollars, seconds and visible tokens of lone calls, `[Q, S, M]` each."""
        made, hardness = [], _hardness(self.hard, seen)
        for model in (self.usd, self.seconds, self.visible):
            log = model.log_table(profile.thinks, hardness, seen.kind)
            made.append(np.exp(log + model.variance / 2))
        return made[0], made[1], made[2]


def _hardness(hard: Array, seen: Seen) -> Array:
    out: Array = (seen.phi @ hard[:-2] - hard[-2]) / hard[-1]
    return out


class TeamForecasts:
    """P(the last answer is right), USD and seconds of designs on questions.

    Every question gets the same R draws of parameters, of u and of luck, in antithetic pairs, so
    that designs and questions differ by what they are and not by chance.

    Args:
        model: of correctness.
        bills: of calls.
        profile: of the backbones.
        draws: R, at most those of the model.
        seed: of luck.
    """

    def __init__(
        self, model: QuestionModel, bills: Bills, profile: Prior, draws: int = SERVED, seed: int = 0
    ) -> None:
        self.model, self.bills, self.profile = model, bills, profile
        rng = np.random.default_rng(seed)
        half = draws // 2
        pairs = len(model.draws) // 2
        half = min(half, pairs)
        theta = np.concatenate([model.draws[:half], model.draws[pairs : pairs + half]])
        n = len(theta)
        self.lone = LoneCalls(model.layout, theta, profile.thinks)
        self._parts = model.layout.parts(theta)
        even = rng.permutation(ndtri((np.arange(n) + 0.5) / n))
        self.u = (model.query_sd * even).astype(np.float32)  # [R]
        m, s = model.layout.backbones, model.layout.slots
        own, role = _paired(rng, (m, 1, n)), _paired(rng, (m, s, n))
        luck = ndtr(np.sqrt(_SHARED) * own + np.sqrt(1 - _SHARED) * role)
        self.bar = logit(luck).astype(np.float32)  # a call is right where it is below its logit

    def belief(self, seen: Seen) -> Belief:
        """Of lone calls."""
        mean, sd = self.lone.moments(self.lone.regressors(seen))
        if seen.shift is not None:
            mean = mean + seen.shift
        usd, seconds, _ = self.bills.tables(self.profile, seen)
        if seen.usd is not None and seen.seconds is not None:
            usd, seconds = (
                np.broadcast_to(x[:, None], mean.shape) for x in (seen.usd, seen.seconds)
            )
        accuracy = expected_accuracy(mean, sd, self.model.query_sd)
        return Belief(mean, sd, accuracy, usd, seconds)

    def forecasts(self, seen: Seen, designs: Sequence[Design], chunk: int = 64) -> Forecasts:
        """`[Q, D]`."""
        n = len(seen)
        out = [np.empty((n, len(designs))) for _ in range(3)]
        for start in range(0, max(n, 1), chunk):
            rows = slice(start, start + chunk)
            part = _Chunk(self, seen.rows(rows))
            for d, design in enumerate(designs):
                for whole, value in zip(out, part.run(design), strict=True):
                    whole[rows, d] = value
        return Forecasts(*out)

    def reading(self, slot: int, backbone: int, n: int) -> tuple[Array, Array]:
        """What n right or n wrong messages add to a logit, `[R]` each."""
        part, able = self._parts, float(self.profile.capability[backbone])
        decides = int(slot == self.model.layout.slots - 1)
        w, crowd = part["messages"][:, decides], part["crowd"][:, decides]
        more, reader = np.log2(1 + n) - 1, STRONG * part["reader"][:, backbone]
        good = w[:, 0] + w[:, 1] * able + more * crowd[:, 0] + reader
        bad = w[:, 2] + w[:, 3] * able + more * crowd[:, 1] - reader
        return good.astype(np.float32), bad.astype(np.float32)


class _Chunk:
    """A few questions, with what designs share on them."""

    def __init__(self, team: TeamForecasts, seen: Seen) -> None:
        self.team, self.shift = team, seen.shift
        self.regressors = team.lone.regressors(seen)
        self.belief = team.belief(seen)
        _, _, self.visible = team.bills.tables(team.profile, seen)
        self._logits: dict[tuple[int, int], Array] = {}

    def run(self, design: Design) -> tuple[Array, Array, Array]:
        """Accuracy, USD and seconds `[Q]`."""
        usd, seconds = self._bill(design)
        if design.decision is None and not design.edges and len(design.agents) == 1:
            [(slot, m)] = design.agents
            return self.belief.accuracy[:, slot, m], usd, seconds
        right: dict[int, Array] = {}
        chance = np.zeros(0)
        for slot, m, senders in cast_of(design, self.team.model.layout.slots - 1):
            value = self._logit(slot, m)
            if senders:
                good, bad = self.team.reading(slot, m, len(senders))
                share = sum(right[u] for u in senders) / np.float32(len(senders))
                value = value + bad[:, None] + share * (good - bad)[:, None]
            right[slot] = (self.team.bar[m, slot][:, None] < value).astype(np.float32)
            chance = value
        return np.maximum(expit(chance).mean(0) - OPTIMISM, 0.0), usd, seconds

    def _logit(self, slot: int, m: int) -> Array:
        if (slot, m) not in self._logits:
            alone = self.team.lone.logits(self.regressors, slot, m)
            if self.shift is not None:
                alone = alone + self.shift[:, slot, m].astype(np.float32)
            self._logits[slot, m] = alone + self.team.u[:, None]  # [R, Q]
        return self._logits[slot, m]

    def _bill(self, design: Design) -> tuple[Array, Array]:
        usd = np.zeros(len(self.visible))
        done: dict[int, Array] = {}
        visible: dict[int, Array] = {}
        bills, last = self.team.bills, np.zeros(0)
        for slot, m, senders in cast_of(design, self.team.model.layout.slots - 1):
            grown = [
                float(np.exp(model.log_read(m, len(senders)))) if senders else 1.0
                for model in (bills.usd, bills.seconds, bills.visible)
            ]
            read = sum((visible[u] + HEADER for u in senders), np.zeros(len(usd)))
            usd = usd + self.belief.usd[:, slot, m] * grown[0]
            usd = usd + read * self.team.profile.price_in[m]
            begin = np.max([done[u] for u in senders], axis=0) if senders else 0.0
            last = done[slot] = begin + self.belief.seconds[:, slot, m] * grown[1]
            visible[slot] = self.visible[:, slot, m] * grown[2]
        return usd, last


def cast_of(design: Design, decision: int) -> list[tuple[int, int, list[int]]]:
    """(slot, backbone, senders) in the order of their messages; who decides reads all."""
    cast = [(slot, m, [u for u, v in design.edges if v == slot]) for slot, m in design.agents]
    if design.decision is not None:
        cast.append((decision, design.decision, [slot for slot, _ in design.agents]))
    return cast


def _paired(rng: np.random.Generator, shape: tuple[int, int, int]) -> Array:
    """N(0, 1) with antithetic pairs in the last axis."""
    half = rng.standard_normal((*shape[:2], shape[2] // 2))
    return np.concatenate([half, -half], -1)
