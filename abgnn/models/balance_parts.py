"""What `AgentBalance` is made of and starts from, and how its arguments are checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch_geometric.data import Batch

from abgnn.errors import ConfigError
from abgnn.graph.features import node_features, with_features
from abgnn.graph.query_graph import distinct_roles
from abgnn.models.agent_beliefs import BelievedStart
from abgnn.models.decision import Action
from abgnn.models.sampling import choose
from abgnn.nn.agent_encoder import AgentEncoder, Parts
from abgnn.nn.backbone_table import BackboneTable
from abgnn.nn.role_matching import RoleMatching
from abgnn.nn.tradeoff import Tradeoff
from abgnn.planning.least import refusal

Init = Literal["beliefs", "paper", "profile"]


def start_of(init: Init, min_agents: int) -> BelievedStart | None:
    """What pools and matching start from, for a lone agent or a team of at least two."""
    if init == "paper":
        return None
    bins = init == "beliefs"
    if min_agents > 1:
        return BelievedStart(4.0, 3.0, bins=bins)
    alone = 1.0 if bins else None  # a lone agent decides all; 0.1 took it for one of a team
    return BelievedStart(1.0, 1.0, share=alone or 0.5, wait=alone or 0.6, bins=bins)


def taught_point(
    tradeoff: Tradeoff, cost_usd: float | None, latency_s: float | None, aim: float
) -> tuple[float, float]:
    """The best λ's that were taught, within a share of the budgets.

    Raises:
        ConfigError: budgets that are no budgets, or that none keeps.
    """
    for field, value in (("cost_usd", cost_usd), ("latency_s", latency_s), ("aim", aim)):
        if value is not None and not value > 0:
            raise ConfigError(f"set_budget.{field}", value, "a number above 0")
    point = tradeoff.nearest(cost_usd, latency_s, aim)
    if point is None:
        usd, seconds = tradeoff.taught[:, 3:].double().cpu().numpy().T / aim
        raise refusal(cost_usd, latency_s, usd, seconds, means=False)
    return point


def check_taught(prior: BelievedStart | None, names: Sequence[str] | None) -> None:
    """Check that bills were foretold for these LLMs when the policy was taught.

    Raises:
        ConfigError: some of them it was not taught with.
    """
    known = None if prior is None else prior.beliefs
    if known is None or names is None:
        return
    new = [name for name in names if name not in known.beliefs.backbones]
    if new:
        allowed = f"the LLMs that the policy was taught with, {list(known.beliefs.backbones)}, or "
        raise ConfigError("mas.catalogue", new, f"{allowed}lessons with a calibration of all")


def seen_by(
    tradeoff: Tradeoff | None, scale: float, batch: Batch
) -> tuple[Tensor, Tensor | None, Tensor]:
    """Roles `[R, H]`, which one each agent plays `[N]` (None: one each), and questions `[B, H]`, as
    the layers read them."""
    (role, which), query = distinct_roles(batch), batch.query_embed
    if tradeoff is not None:
        role, query = tradeoff.modulated(role, query, scale)
    elif scale != 1:  # not copied where they stay
        role, query = scale * role, scale * query
    return role, which, query


def matched(
    matching: nn.Module,
    role: Tensor,
    which: Tensor | None,
    query: Tensor,
    pool: Tensor,
    owner: Tensor,
    table: BackboneTable,
    prior: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Eq 4: candidates and their log-probabilities, `[N, S]` each; our own matching projects each
    role once."""
    own = type(matching) is RoleMatching
    if not own and which is not None:
        role = role.index_select(0, which)  # [N, H]
    more = (which,) if own else ()
    found: tuple[Tensor, Tensor] = matching(role, query, pool, owner, table, prior, *more)
    return found


def chosen_slot(
    candidates: Tensor, log_prob: Tensor, action: Action | None, *, sample: bool
) -> Tensor:
    """Column of the chosen backbone among the pool's members, `[N]`."""
    if action is None:
        return choose(log_prob, sample=sample)
    real = log_prob > float("-inf")
    return ((candidates == action.backbone.unsqueeze(1)) & real).long().argmax(1)


def features(parts: Parts) -> Tensor:
    """x `[N, 5H]`."""
    role = parts.role if parts.which is None else parts.role.index_select(0, parts.which)
    profile = parts.profile.index_select(0, parts.backbone)  # [N, 3, H]
    return node_features(role, parts.query.index_select(0, parts.owner), profile)


@torch.no_grad()
def with_parts(batch: Batch, parts: Parts) -> Batch:
    """A batch with x and LLMs of its agents."""
    return with_features(batch, features(parts), parts.backbone)


def represent(encoder: nn.Module, parts: Parts, edge_index: Tensor) -> Tensor:
    """Eq 5, `[N, D]`, of x `[N, 5H]`: our own encoder comes to it sooner from the parts."""
    if type(encoder) is AgentEncoder:
        h: Tensor = encoder(None, edge_index, parts)
    else:
        h = encoder(features(parts), edge_index)
    return h


def spread(candidates: Tensor, log_prob: Tensor, backbones: int) -> Tensor:
    """Log-probabilities of pools' members `[N, S]` in the places of all backbones, `[N, M]`."""
    real = log_prob > float("-inf")
    row = torch.arange(len(candidates), device=candidates.device).unsqueeze(1)
    every = log_prob.new_full((len(candidates), backbones), float("-inf"))
    at = (row.expand_as(candidates)[real], candidates[real])
    return every.index_put(at, log_prob[real])


def check_arguments(
    upper_bound: int | None, delta: float, min_agents: int, init: str, tiers: bool | None
) -> None:
    """Raise ConfigError for arguments of `AgentBalance` that cannot be."""
    if upper_bound is not None and upper_bound < 1:
        raise ConfigError("policy.upper_bound", upper_bound, "a number of pools ≥ 1, or null")
    if tiers is False and upper_bound is not None:
        raise ConfigError("policy.upper_bound", upper_bound, "null without tiers")
    if not -1 <= delta <= 1:
        raise ConfigError("policy.delta", delta, "an offset in [-1, 1]")
    if min_agents < 1:
        raise ConfigError("policy.min_agents", min_agents, "1 (a lone agent may answer) or more")
    if init not in ("beliefs", "profile", "paper"):
        raise ConfigError("policy.init", init, "'beliefs', 'paper' or 'profile'")
