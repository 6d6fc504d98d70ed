"""Imitation: a policy learns to choose, on every question, what a planner would choose there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from abgnn.data.arrays import Array, Index
from abgnn.data.query import Query
from abgnn.data.template import Template
from abgnn.errors import ConfigError
from abgnn.graph.base_mas import BaseMAS
from abgnn.models.decision import FACTORS, Action
from abgnn.models.policy import Policy
from abgnn.planning import Design, PlanSpace
from abgnn.planning.beliefs import Forecasts
from abgnn.planning.calibration import Calibration
from abgnn.training.course import Course, Pair

_JITTER = 0.4  # of log λ
_LEAST = 2e-3
_ASIDE = 0.2  # of the questions, on which only a team's edges are learned


@dataclass(frozen=True)
class Lessons:
    """What a planner expects of designs on questions that need no answers.

    Args:
        queries: Q questions.
        designs: D designs that the policy can choose.
        forecasts: `[Q, D]`.
        pools: backbones by tier, of which a design uses one.
    """

    queries: Sequence[Query]
    designs: tuple[Design, ...]
    forecasts: Forecasts
    pools: tuple[tuple[int, ...], ...]

    @property
    def teams(self) -> list[int]:
        """Designs of several agents."""
        return [d for d, design in enumerate(self.designs) if design.decision is not None]

    def share(
        self, rows: Index, point: Pair, sharpness: float, most: int, *, teams: bool = False
    ) -> Array:
        """How often each design is to be chosen on some questions at (λ_tok, λ_lat), `[n, D]`.

        softmax(utility / sharpness), over lone agents and those few designs with which a choice by
        question is worth most: choices that are made one by one (gates, edges) cannot keep dozens
        of teams apart that are equally good.

        Args:
            rows: questions, `[n]`.
            point: λ_tok, λ_lat.
            sharpness: in units of the score.
            most: how many designs beside lone agents.
            teams: as if nobody might answer alone.
        """
        utility, able = self._utility(point), self.teams
        if teams:
            short = [able[d] for d in short_list(utility[:, able], most)]
        else:
            lone = sorted({*range(len(self.designs))} - {*able})
            short = sorted({*lone, *short_list(utility, most)})
        near = utility[rows][:, short]
        weight = np.exp((near - near.max(1, keepdims=True)) / sharpness)
        out = np.zeros((len(rows), len(self.designs)))
        out[:, short] = weight / weight.sum(1, keepdims=True)
        return out

    def _utility(self, point: Pair) -> Array:
        ahead = self.forecasts
        out: Array = ahead.accuracy - point[0] * ahead.usd - point[1] * ahead.seconds
        return out


def short_list(utility: Array, most: int) -> list[int]:
    """Columns of `[Q, D]` with which the best by question is highest, chosen one after another.

    A column that adds less than `_LEAST` in the mean is not worth telling apart.
    """
    best = np.full(len(utility), -np.inf)
    chosen: list[int] = []
    for _ in range(min(most, utility.shape[1])):
        gain = np.maximum(utility, best[:, None]).mean(0)
        top = int(gain.argmax())
        if chosen and gain[top] - best.mean() < _LEAST:
            break
        chosen.append(top)
        best = np.maximum(best, utility[:, top])
    return chosen


def imitate(
    policy: Policy,
    mas: BaseMAS,
    lessons: Lessons,
    points: Sequence[Pair],
    course: Course,
) -> float:
    """Raise the probability of the planner's choices; returns that of a single choice at the end.

    A step is at one of the points, for some questions, each with one design drawn from
    `Lessons.share`. A policy that is conditioned on the λ's sees them varied by exp(.4 N(0, 1)),
    since it is asked for others later. On some questions the best team is shown, even where nobody
    would form one, and only its edges are learned. The hop limit is raised as far as paths need.

    Args:
        policy: teachable; gradients reach all of its parameters.
        mas: encodes the questions.
        lessons: of the planner.
        points: pairs (λ_tok, λ_lat).
        course: steps, questions per step, learning rate, weight decay.
    """
    device = next(policy.parameters()).device
    learn = [p for p in policy.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(learn, course.lr, weight_decay=course.weight_decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(course.steps, 1))
    rng = np.random.default_rng(course.seed)
    actions = _actions(mas.template, lessons.designs, lessons.pools)
    reached = 0.0
    with torch.enable_grad():
        for step in range(course.steps):
            point = points[step % len(points)]
            if policy.conditioned:
                tok, lat = point * np.exp(_JITTER * rng.standard_normal(2))
                point = (float(tok), float(lat))
            policy.set_tradeoff(*point)
            rows = rng.choice(len(lessons.queries), course.texts)
            aside = rng.random(len(rows)) < (_ASIDE if lessons.teams else 0.0)
            share = lessons.share(rows, point, course.sharpness, course.designs)
            if aside.any():
                at = (rows[aside], point, course.sharpness, course.designs)
                share[aside] = lessons.share(*at, teams=True)
            drawn = (share.cumsum(1) > rng.random((len(rows), 1))).argmax(1)
            batch = mas.batch([lessons.queries[i] for i in rows]).to(device)
            optimiser.zero_grad()
            decision = policy(batch, sample=False, action=_at(actions, drawn, device))
            edges = decision.log_probs[:, FACTORS.index("edges")]
            learned = torch.where(torch.from_numpy(aside).to(device), edges, decision.log_prob)
            log_prob = learned.mean()
            torch.autograd.backward(decision.penalty.mean() - log_prob)
            optimiser.step()
            schedule.step()
            choices = 1 + (2 * batch.num_nodes + batch.num_edges) / batch.num_graphs
            each = math.exp(float(log_prob.detach()) / choices)
            reached = each if step == 0 else 0.9 * reached + 0.1 * each
    return reached


def _actions(
    template: Template, designs: Sequence[Design], pools: Sequence[Sequence[int]]
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Pool `[D]`, backbones and gates `[D, T]`, edges `[D, E]`; agents that a design leaves out
    have closed gates and the decision agent's backbone."""
    pool, backbone, gate, edge = [], [], [], []
    roles = range(len(template.roles))
    for design in designs:
        of, used = dict(design.agents), design.backbones
        rest = design.agents[0][1] if design.decision is None else design.decision
        pool.append(next(p for p, members in enumerate(pools) if used <= set(members)))
        backbone.append([of.get(role, rest) for role in roles])
        gate.append([role in of for role in roles])
        edge.append([pair in design.edges for pair in template.edges])
    shape = (len(designs), len(template.edges))
    edges = torch.tensor(edge, dtype=torch.bool).reshape(shape)
    return torch.tensor(pool), torch.tensor(backbone), torch.tensor(gate), edges


def _at(
    actions: tuple[Tensor, Tensor, Tensor, Tensor], drawn: Index, device: torch.device
) -> Action:
    """The action of one design per question."""
    at = torch.from_numpy(drawn)
    pool, backbone, gate, edge = (values[at].flatten().to(device) for values in actions)
    return Action(pool, backbone, gate, edge)


def admissible(designs: Sequence[Design], space: PlanSpace) -> list[int]:
    """Which designs a space admits: LLMs of one pool, and as many agents as it wants."""
    return [
        d
        for d, design in enumerate(designs)
        if len(design.agents) >= space.min_agents
        and any(design.backbones <= set(pool) for pool in space.pools)
    ]


def check_calibration(field: str, calibration: Calibration, mas: BaseMAS) -> None:
    """Check that a calibration is of the same backbones and roles; ConfigError names both."""
    names, roles = list(mas.catalogue.names), [r.name for r in mas.template.roles]
    if list(calibration.profile.names) != names:
        raise ConfigError(field, list(calibration.profile.names), f"a calibration of {names}")
    known = [role.name for role in calibration.template.roles]
    if known != roles:
        raise ConfigError(field, known, f"a calibration of the roles {roles}")
