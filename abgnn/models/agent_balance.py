"""`AgentBalance`: backbone first, then topology, in the paper's order (arXiv 2512.11426)."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.data import Batch

from abgnn.errors import ConfigError
from abgnn.models.decision import Action, Decision
from abgnn.models.policy import Policy
from abgnn.models.sampling import (
    Factors,
    choose,
    flip,
    flip_hard,
    keep_at_least,
)
from abgnn.nn import (
    AgentEncoder,
    AgentGate,
    BackboneTable,
    DifficultyHead,
    EdgePredictor,
    HopLimit,
    PoolSelection,
    ProfilePrior,
    RoleMatching,
    Tradeoff,
)
from abgnn.planning.calibration import Calibration
from abgnn.planning.design import PlanSpace
from abgnn.transforms.hop_limit import hop_limit_mask


class AgentBalance(Policy):
    r"""Pool selection → matching → agent representation → gating → edges → hop limit.

    .. math:: p_\theta(D \mid Q) = p_{sel} \, p_{match} \, p_{gate} \, p_{topo} \qquad (Eq 10)

    Any part may be replaced by a module with the same `forward`, in Python or by `class_path`.

    Args:
        in_channels: width H of the text encoder (384 for MiniLM, 768 for MPNet).
        channels: hidden width D.
        upper_bound: number of pools that may be used, from the weakest on; None: all (Table 6).
        delta: difficulty offset δ in [−1, 1].
        min_agents: role agents that always stay: 2 in the paper; with 1 a lone agent may answer,
            and no decision agent is called then.
        init: `profile` starts from what the profiles say (`ProfilePrior`, gates at −0.5, edges at
            −1.5, the lead role ahead); `paper` starts from random weights and no bias.
        decision_reads: all kept agents, or the sinks of their graph.
        lead_bias: prior logit in favour of the role that would answer alone (`Role.lead`), so
            that noise among equal gates does not pick a lone agent; only with `init: profile`.
        conditioned: the λ's of `set_tradeoff` enter every part (`Tradeoff`), so that one policy
            serves all budgets once the callback `Tradeoffs` has taught it several.
        difficulty, pool_selection, matching, encoder, gate, edges, hops: other parts.
    """

    def __init__(
        self,
        in_channels: int = 384,
        channels: int = 64,
        upper_bound: int | None = None,
        delta: float = 0.3,
        min_agents: int = 1,
        init: Literal["profile", "paper"] = "profile",
        decision_reads: Literal["all", "sinks"] = "all",
        lead_bias: float = 1.5,
        conditioned: bool = False,
        difficulty: nn.Module | None = None,
        pool_selection: nn.Module | None = None,
        matching: nn.Module | None = None,
        encoder: nn.Module | None = None,
        gate: nn.Module | None = None,
        edges: nn.Module | None = None,
        hops: nn.Module | None = None,
    ) -> None:
        super().__init__()
        _check(upper_bound, delta, min_agents, init)
        self.in_channels, self.upper_bound, self.delta = in_channels, upper_bound, delta
        self.min_agents, self.decision_reads = min_agents, decision_reads
        warm = init == "profile"
        self.lead_bias = lead_bias if warm else 0.0
        calls, depth = (1.0, 1.0) if min_agents == 1 else (4.0, 3.0)
        self.prior = ProfilePrior(calls, depth) if warm else None
        self.difficulty = difficulty or DifficultyHead(in_channels)
        self.pool_selection = pool_selection or PoolSelection(in_channels)
        self.matching = matching or RoleMatching(in_channels, channels)
        self.encoder = encoder or AgentEncoder(in_channels, channels)
        self.gate = gate or AgentGate(channels, bias=-0.5 if warm else 0.0, zero_init=warm)
        self.edges = edges or EdgePredictor(channels, bias=-1.5 if warm else None)
        self.hops = hops or HopLimit(channels)
        self.tradeoff = Tradeoff(in_channels) if conditioned else None

    def attach(self, table: BackboneTable) -> None:
        table.check_width(self.in_channels)
        super().attach(table)

    def set_tradeoff(self, lambda_tok: float, lambda_lat: float) -> None:
        if self.prior is not None:
            self.prior.lambda_tok.fill_(lambda_tok)
            self.prior.lambda_lat.fill_(lambda_lat)
        if self.tradeoff is not None:
            self.tradeoff.set(lambda_tok, lambda_lat)

    @property
    def teachable(self) -> bool:
        return True

    @property
    def conditioned(self) -> bool:
        return self.tradeoff is not None

    @property
    def has_operating_points(self) -> bool:
        return self.tradeoff is not None and len(self.tradeoff.taught) > 0

    @property
    def operating_point(self) -> tuple[float, float]:
        if self.tradeoff is None:
            return super().operating_point
        tok, lat = self.tradeoff.lambdas.tolist()
        return tok, lat

    def plan_space(self, calibration: Calibration) -> PlanSpace:
        """Backbones of one pool, within `upper_bound`; at least `min_agents`."""
        allowed = calibration.pools[: self.upper_bound]
        return PlanSpace(calibration.template, allowed, self.min_agents)

    def set_budget(
        self, cost_usd: float | None = None, latency_s: float | None = None, aim: float = 0.97
    ) -> tuple[float, float]:
        if self.tradeoff is None or not self.has_operating_points:
            return super().set_budget(cost_usd, latency_s, aim)
        for field, value in (("cost_usd", cost_usd), ("latency_s", latency_s), ("aim", aim)):
            if value is not None and not value > 0:
                raise ConfigError(f"set_budget.{field}", value, "a number above 0")
        point = self.tradeoff.nearest(cost_usd, latency_s, aim)
        self.set_tradeoff(*point)
        return point

    def pool_log_prob(self, difficulty: Tensor) -> Tensor:
        """log p_sel of Eq 3 for difficulties `[B]`: `[B, P]`."""
        table = self.table
        prior = self.prior(table)[0] if self.prior is not None else None
        if self.tradeoff is not None:
            seen = self.tradeoff.pools(table.pool_embed)  # [P]
            prior = seen if prior is None else prior + seen
        log_prob: Tensor = self.pool_selection(
            table.pool_embed, table.cost_curve, difficulty, self.upper_bound, prior
        )
        return log_prob

    def forward(self, batch: Batch, *, sample: bool, action: Action | None = None) -> Decision:
        table, owner, size = self.table, batch.batch, batch.num_graphs
        match_prior = self.prior(table)[1] if self.prior is not None else None
        seen = batch if self.tradeoff is None else self.tradeoff(batch)
        agent = (~batch.is_decision).nonzero().squeeze(-1)  # role agents [A]
        graph = owner.index_select(0, agent)  # [A]
        factors = Factors(size)

        # Pool selection, Eq 3: p_sel
        difficulty = (self.difficulty(batch.query_embed) + self.delta).clamp(0, 1)  # d_eff [B]
        pool_logp = self.pool_log_prob(difficulty)  # [B, P]
        pool = choose(pool_logp, sample=sample) if action is None else action.pool  # [B]
        factors.categorical(pool_logp, pool, torch.arange(size, device=pool.device))

        # Role-backbone matching, Eq 4: p_match
        candidates, match_logp = self.matching(
            seen.role_embed, seen.query_embed, pool, owner, table, match_prior
        )  # [N, S]
        slot = _slot(candidates, match_logp, action, sample=sample)  # [N]
        backbone = candidates.gather(1, slot.unsqueeze(1)).squeeze(1)  # [N]
        factors.categorical(match_logp, slot, owner)

        # Agent representation, Eq 5, on x = role ‖ query ‖ performance ‖ price ‖ type
        h = self.encoder(
            node_features(seen, table.embed.index_select(0, backbone)), batch.edge_index
        )  # [N, D]

        # Gating, Eq 6: p_gate; the decision agent reads whoever stays, if more than one does
        gate_logit = self.gate(h, owner, agent, size)  # [A]
        gate_logit = gate_logit + self.lead_bias * batch.is_lead[agent]
        gate, soft = flip(gate_logit, None if action is None else action.gate[agent], sample=sample)
        kept = keep_at_least(gate, gate_logit, batch.rank[agent], graph, self.min_agents)
        factors.bernoulli(gate_logit, gate, graph)

        # Edges, Eq 7: p_topo, among kept agents
        keep = torch.zeros_like(batch.is_decision).index_put((agent,), kept)  # [N]
        edge_logit = self.edges(h, batch.edge_index)  # [E]
        edge = flip_hard(edge_logit, None if action is None else action.edge, sample=sample)
        able = keep[batch.edge_index].all(0).nonzero().squeeze(-1)  # edges that could be
        edge = torch.zeros_like(edge).index_put((able,), edge[able])  # [E]
        sender = batch.edge_index[0].index_select(0, able)
        factors.bernoulli(edge_logit[able], edge[able], owner.index_select(0, sender))

        # Hop limit, Eq 8, in hops; gates relaxed, forced agents count fully
        weight = h.new_zeros(len(h)).index_put((agent,), soft.masked_fill(kept & ~gate, 1.0))  # [N]
        hop_limit = self.hops(h, weight, owner, size)  # [B]
        edge_mask, longest = hop_limit_mask(
            batch.edge_index, edge_logit.detach(), edge, hop_limit.detach(), batch.rank, owner, size
        )

        committee = torch.bincount(graph[kept], minlength=size) > 1  # [B]
        return Decision(
            batch=batch,
            names=table.names,
            action=Action(pool, backbone, torch.zeros_like(keep).index_put((agent,), gate), edge),
            keep=keep | (batch.is_decision & committee[owner]),
            edge_mask=edge_mask,
            hop_limit=hop_limit,
            log_probs=factors.log_probs,  # Eq 10
            entropies=factors.entropies,
            penalty=F.relu(longest - hop_limit),
            decision_reads=self.decision_reads,
        )


def node_features(batch: Batch, profile: Tensor) -> Tensor:
    """x = role ‖ query ‖ performance ‖ price ‖ type `[N, 5H]` from profiles `[N, 3, H]`."""
    query = batch.query_embed.index_select(0, batch.batch)  # [N, H]
    return torch.cat([batch.role_embed, query, profile.flatten(1)], -1)


def _slot(candidates: Tensor, log_prob: Tensor, action: Action | None, *, sample: bool) -> Tensor:
    """Column of the chosen backbone among the pool's members, `[N]`."""
    if action is None:
        return choose(log_prob, sample=sample)
    real = log_prob > float("-inf")
    return ((candidates == action.backbone.unsqueeze(1)) & real).long().argmax(1)


def _check(upper_bound: int | None, delta: float, min_agents: int, init: str) -> None:
    if upper_bound is not None and upper_bound < 1:
        raise ConfigError("policy.upper_bound", upper_bound, "a number of pools ≥ 1, or null")
    if not -1 <= delta <= 1:
        raise ConfigError("policy.delta", delta, "an offset in [-1, 1]")
    if min_agents < 1:
        raise ConfigError("policy.min_agents", min_agents, "1 (a lone agent may answer) or more")
    if init not in ("profile", "paper"):
        raise ConfigError("policy.init", init, "'profile' or 'paper'")
