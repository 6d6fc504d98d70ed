"""Imitation: a policy learns to choose given designs, one for each trade-off."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch_geometric.data import Batch

from abgnn.data.query import Query
from abgnn.data.template import Template
from abgnn.errors import ConfigError
from abgnn.graph.base_mas import BaseMAS
from abgnn.models.decision import Action
from abgnn.models.policy import Policy
from abgnn.planning import Design
from abgnn.planning.calibration import Calibration

_QUESTIONS = 40  # that are imitated on, at most: a design is the same for all


@dataclass(frozen=True)
class Lesson:
    """The action to choose on every graph of a batch at given λ's.

    Args:
        lambdas: λ_tok and λ_lat; None: unchanged.
        target: pool, backbones, gates, edges.
    """

    lambdas: tuple[float, float] | None
    target: Action


def imitate(
    policy: Policy,
    batch: Batch,
    lessons: Sequence[Lesson],
    confidence: float,
    steps: int,
    lr: float,
) -> float:
    """Raise the probability of actions; returns that of a single choice, geometric mean.

    Every other step is on varied queries (`varied`), since the actions are also for questions that
    are not seen here; for the same reason their pools are trained at difficulties from 0.1 to 0.9
    (at the ends an inner pool always shares the probability with its neighbour). The hop limit is
    raised as far as the actions' paths need. Ends when for every lesson
    the probability is `confidence` and the most probable plans are the action's, on given and on
    varied queries, or after `steps`.

    Returns: the least of the lessons' probabilities, on the given queries.
    """
    learn = [p for p in policy.parameters() if p.requires_grad]
    optimiser = torch.optim.Adam(learn, lr=lr)
    generator = torch.Generator().manual_seed(0)
    reached = [0.0, 0.0]
    with torch.enable_grad():
        for step in range(steps):
            shown = varied(batch, generator) if step % 2 else batch
            optimiser.zero_grad()
            least, sure = 1.0, True
            for lesson in lessons:
                loss, each, pool = _lesson(policy, shown, lesson)
                least, sure = min(least, each), sure and pool > math.log(0.5)
                torch.autograd.backward(loss)
            reached[step % 2] = least
            if sure and min(reached) >= confidence:
                checked = [_follows(policy, b, one) for one in lessons for b in (batch, shown)]
                if all(checked):
                    break
            optimiser.step()
    return reached[0]


def _lesson(policy: Policy, batch: Batch, lesson: Lesson) -> tuple[Tensor, float, float]:
    """Loss, probability of a single choice, and log-probability of the pool where it is least."""
    if lesson.lambdas is not None:
        policy.set_tradeoff(*lesson.lambdas)
    decision = policy(batch, sample=False, action=lesson.target)
    log_prob = decision.log_prob.mean()
    edges = len(lesson.target.edge) / batch.num_graphs
    choices = 1 + 2 * batch.num_nodes / batch.num_graphs + edges
    difficulty = torch.linspace(0.1, 0.9, 9, device=log_prob.device)
    of_pool = policy.pool_log_prob(difficulty)[:, int(lesson.target.pool[0])]  # [9]
    loss = decision.penalty.mean() - log_prob - of_pool.mean()
    return loss, math.exp(float(log_prob.detach()) / choices), float(of_pool.detach().min())


@torch.no_grad()
def _follows(policy: Policy, batch: Batch, lesson: Lesson) -> bool:
    """Whether the most probable plans are the target's, and no hop limit cuts them."""
    if lesson.lambdas is not None:
        policy.set_tradeoff(*lesson.lambdas)
    imitated = policy(batch, sample=False, action=lesson.target)
    if bool((imitated.penalty > 0).any()):
        return False
    return bool(policy(batch, sample=False).plans() == imitated.plans())


def varied(batch: Batch, generator: torch.Generator) -> Batch:
    """The same graphs with queries on the lines through pairs of the given ones, and beyond."""
    query = batch.query_embed  # [B, H]
    other = query[torch.randperm(len(query), generator=generator).to(query.device)]
    share = 2 * torch.rand(len(query), 1, generator=generator).to(query) - 0.5  # −0.5 … 1.5
    mixed = share * query + (1 - share) * other
    made = batch.clone()
    made.query_embed = mixed * (query.norm(dim=1, keepdim=True) / mixed.norm(dim=1, keepdim=True))
    return made


def action_of(batch: Batch, design: Design, pools: Sequence[Sequence[int]]) -> Action:
    """The action for a design on every graph; agents outside the design have closed gates."""
    used = {m for _, m in design.agents} | ({design.decision} - {None})
    pool = next(p for p, members in enumerate(pools) if used <= set(members))
    of, size = dict(design.agents), batch.num_graphs
    rest = design.agents[0][1] if design.decision is None else design.decision
    template: Template = batch.template[0]
    roles, device = range(len(template.roles)), batch.batch.device

    def every(values: Sequence[int | bool], dtype: torch.dtype) -> Tensor:
        return torch.tensor(values, dtype=dtype, device=device).repeat(size)

    return Action(
        every([pool], torch.long),
        every([of.get(role, rest) for role in roles], torch.long),
        every([role in of for role in roles], torch.bool),
        every([edge in design.edges for edge in template.edges], torch.bool),
    )


def some(queries: Sequence[Query]) -> Sequence[Query]:
    """At most 40 of the queries, evenly spread."""
    return queries[:: -(-len(queries) // _QUESTIONS)]


def check_calibration(field: str, calibration: Calibration, mas: BaseMAS) -> None:
    """Check that a calibration is of the same backbones and roles; ConfigError names both."""
    names, roles = list(mas.catalogue.names), [r.name for r in mas.template.roles]
    if list(calibration.profile.names) != names:
        raise ConfigError(field, list(calibration.profile.names), f"a calibration of {names}")
    known = [role.name for role in calibration.template.roles]
    if known != roles:
        raise ConfigError(field, known, f"a calibration of the roles {roles}")
