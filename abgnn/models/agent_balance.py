"""`AgentBalance`: backbone first, then topology, in the paper's order (arXiv 2512.11426)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.data import Batch

from abgnn.errors import ConfigError
from abgnn.models.agent_beliefs import AgentBeliefs
from abgnn.models.balance_parts import (
    Init,
    check_arguments,
    check_taught,
    chosen_slot,
    matched,
    represent,
    seen_by,
    spread,
    start_of,
    taught_point,
    with_parts,
)
from abgnn.models.decision import Action, Choice, Decision
from abgnn.models.operating_point import OperatingPoint
from abgnn.models.policy import Policy
from abgnn.models.sampling import Factors, choose, flip, flip_hard, keep_at_least
from abgnn.nn import (
    AgentEncoder,
    AgentGate,
    BackboneTable,
    Believed,
    DifficultyHead,
    EdgePredictor,
    HopLimit,
    PoolSelection,
    RoleMatching,
    Tradeoff,
)
from abgnn.nn.agent_encoder import Parts
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
        init: `beliefs` (default): embeddings of unit variance per entry, products of role and
            question, messages along the template's edges, and a start at the lone agent that is
            believed to be worth most (`believe`, or else by the catalogue's figures): what is
            learned is the difference. `paper`: as printed, from random weights and no bias.
            `profile`: the default of version 0.1, whose files name it.
        decision_reads: all kept agents, or the sinks of their graph.
        lead_bias: prior logit in favour of the role that would answer alone (`Role.lead`), so
            that noise among equal gates does not pick a lone agent; not with `init: paper`.
        conditioned: the λ's of `set_tradeoff` enter every part (`Tradeoff`), so that one policy
            serves all budgets; whoever teaches or trains it shows it several. None: with
            `init: beliefs`.
        tiers: select a resource tier first (Eq 3), by difficulty, and match within it. None:
            where `upper_bound` or `pool_selection` is stated, and as the paper does with the two
            older `init`s. Else every LLM of the catalogue is on offer.
        difficulty, pool_selection, matching, encoder, gate, edges, hops: other parts.
    """

    def __init__(
        self,
        in_channels: int = 384,
        channels: int = 64,
        upper_bound: int | None = None,
        delta: float = 0.3,
        min_agents: int = 1,
        init: Init = "beliefs",
        decision_reads: Literal["all", "sinks"] = "all",
        lead_bias: float = 1.5,
        conditioned: bool | None = None,
        tiers: bool | None = None,
        difficulty: nn.Module | None = None,
        pool_selection: nn.Module | None = None,
        matching: nn.Module | None = None,
        encoder: nn.Module | None = None,
        gate: nn.Module | None = None,
        edges: nn.Module | None = None,
        hops: nn.Module | None = None,
    ) -> None:
        super().__init__()
        check_arguments(upper_bound, delta, min_agents, init, tiers)
        self.in_channels, self.upper_bound, self.delta = in_channels, upper_bound, delta
        self.min_agents, self.decision_reads = min_agents, decision_reads
        warm, new = init != "paper", init == "beliefs"
        stated = upper_bound is not None or pool_selection is not None
        self.tiers = tiers if tiers is not None else stated or not new
        self.scale: float = in_channels**0.5 if new else 1.0
        self.lead_bias = lead_bias if warm else 0.0
        self.prior = start_of(init, min_agents)
        self.difficulty = difficulty or DifficultyHead(in_channels)
        self.pool_selection = pool_selection or PoolSelection(in_channels, zero_init=new)
        self.matching = matching or RoleMatching(in_channels, channels, film=new, zero_init=new)
        self.encoder = encoder or AgentEncoder(
            in_channels, channels, "agents" if new else "profile", film=new
        )
        self.gate = gate or AgentGate(channels, bias=-0.5 if warm else 0.0, zero_init=warm)
        self.edges = edges or EdgePredictor(
            channels, bias=-1.5 if warm else None, directed=new, zero_init=new
        )
        self.hops = hops or HopLimit(channels)
        self.tradeoff = (
            Tradeoff(in_channels) if (new if conditioned is None else conditioned) else None
        )

    def attach(self, table: BackboneTable) -> None:
        """Use this catalogue from now on, as the policy sees it: scaled; in tiers, or in one."""
        table.check_width(self.in_channels)
        super().attach((table if self.tiers else table.whole()).scaled(self.scale))

    def believe(self, beliefs: AgentBeliefs | None) -> None:
        """Start from these beliefs about each question from now on, which checkpoints keep; None:
        from the catalogue's figures."""
        if self.prior is None:
            raise ConfigError("policy.init", "paper", "beliefs, to start from beliefs")
        self.prior.beliefs = beliefs

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
    def operating_points(self) -> tuple[OperatingPoint, ...]:
        return () if self.tradeoff is None else OperatingPoint.rows(self.tradeoff.taught.tolist())

    @property
    def operating_point(self) -> tuple[float, float]:
        if self.tradeoff is None:
            return super().operating_point
        tok, lat = self.tradeoff.lambdas.tolist()
        return tok, lat

    def plan_space(self, calibration: Calibration) -> PlanSpace:
        """Backbones of one pool, within `upper_bound`, or any; at least `min_agents`."""
        everyone = (tuple(range(len(calibration.profile.names))),)
        allowed = calibration.pools[: self.upper_bound] if self.tiers else everyone
        return PlanSpace(calibration.template, allowed, self.min_agents)

    def set_budget(
        self, cost_usd: float | None = None, latency_s: float | None = None, aim: float = 0.99
    ) -> tuple[float, float]:
        if self.tradeoff is None or not self.has_operating_points:
            return super().set_budget(cost_usd, latency_s, aim)
        check_taught(self.prior, None if self._table is None else self._table.names)
        point = taught_point(self.tradeoff, cost_usd, latency_s, aim)
        self.set_tradeoff(*point)
        return point

    def pool_log_prob(self, difficulty: Tensor, seen: Believed | None = None) -> Tensor:
        """log p_sel of Eq 3 for difficulties `[B]`, and what is believed of them: `[B, P]`."""
        table = self.table
        prior = None if self.prior is None else self.prior.pools(table, seen)  # [P] or [B, P]
        if self.tradeoff is not None:
            more = self.tradeoff.pools(table.pool_embed)  # [P]
            prior = more if prior is None else prior + more
        log_prob: Tensor = self.pool_selection(
            table.pool_embed, table.cost_curve, difficulty, self.upper_bound, prior
        )
        return log_prob

    def forward(self, batch: Batch, *, sample: bool, action: Action | None = None) -> Decision:
        table, owner, size = self.table, batch.batch, batch.num_graphs
        role, which, query = seen_by(self.tradeoff, self.scale, batch)  # [R, H], [N], [B, H]
        agent = (~batch.is_decision).nonzero().squeeze(-1)  # role agents [A]
        graph = owner.index_select(0, agent)  # [A]
        factors, seen = Factors(size), self._believed(batch)

        # Pool selection, Eq 3: p_sel
        difficulty = (self.difficulty(batch.query_embed) + self.delta).clamp(0, 1)  # d_eff [B]
        pool_logp = self.pool_log_prob(difficulty, seen)  # [B, P]
        pool = choose(pool_logp, sample=sample) if action is None else action.pool  # [B]
        factors.categorical(pool_logp, pool, torch.arange(size, device=pool.device))

        # Role-backbone matching, Eq 4: candidates and their log p_match, [N, S] each
        prior = self._match_prior(batch, seen)
        scored = matched(self.matching, role, which, query, pool, owner, table, prior)
        slot = chosen_slot(*scored, action, sample=sample)  # [N]
        backbone = scored[0].gather(1, slot.unsqueeze(1)).squeeze(1)  # [N]
        factors.categorical(scored[1], slot, owner)

        # Agent representation, Eq 5, on x = role ‖ query ‖ performance ‖ price ‖ type
        parts = Parts(role, query, owner, table.embed, backbone, which)
        h = represent(self.encoder, parts, batch.edge_index)  # [N, D]

        # Gating, Eq 6: p_gate; the decision agent reads whoever stays, if more than one does
        gate_logit = self._gate_logit(h, batch, agent, backbone, seen)  # [A]
        gate, soft = flip(gate_logit, None if action is None else action.gate[agent], sample=sample)
        kept = keep_at_least(gate, gate_logit, batch.rank[agent], graph, self.min_agents)
        factors.bernoulli(gate_logit, gate, graph)

        # Edges, Eq 7: p_topo, among kept agents
        keep = torch.zeros_like(batch.is_decision).index_put((agent,), kept)  # [N]
        edge_logit = self.edges(h, batch.edge_index)  # [E]
        edge = flip_hard(edge_logit, None if action is None else action.edge, sample=sample)
        sender, receiver = batch.edge_index
        able = keep.index_select(0, sender) & keep.index_select(0, receiver)  # could be [E]
        edge = edge & able
        factors.bernoulli(edge_logit, edge, owner.index_select(0, sender), able)

        # Hop limit, Eq 8, in hops; gates relaxed, forced agents count fully
        weight = h.new_zeros(len(h)).index_put((agent,), soft.masked_fill(kept & ~gate, 1.0))  # [N]
        hop_limit = self.hops(h, weight, owner, size)  # [B]
        edge_mask, longest = hop_limit_mask(
            batch.edge_index, edge_logit.detach(), edge, hop_limit.detach(), batch.rank, owner, size
        )

        committee = torch.bincount(graph[kept], minlength=size) > 1  # [B]
        return Decision(
            asked=batch,
            names=table.names,
            action=Action(pool, backbone, torch.zeros_like(keep).index_put((agent,), gate), edge),
            keep=keep | (batch.is_decision & committee[owner]),
            edge_mask=edge_mask,
            hop_limit=hop_limit,
            log_probs=factors.log_probs,  # Eq 10
            entropy_of=factors.entropies,
            penalty=F.relu(longest - hop_limit),
            decision_reads=self.decision_reads,
            features=partial(with_parts, parts=parts),
        )

    def choice_logits(self, x: Tensor, edge_index: Tensor, batch: Batch) -> Mapping[str, Tensor]:
        """`gate` `[N]` (0 of the decision agent), `edge` `[E]`, and `match` `[N, M]` in the most
        probable pool (−∞ outside it), from x as in `Decision.batch`."""
        width, owner = self.in_channels, batch.batch
        role, query = x[:, :width], x[:, width : 2 * width]  # [N, H] each
        seen = self._believed(batch)
        difficulty = (self.difficulty(batch.query_embed) + self.delta).clamp(0, 1)
        pool = self.pool_log_prob(difficulty, seen).argmax(1)[owner]  # [N]
        each, prior = torch.arange(len(x), device=x.device), self._match_prior(batch, seen)
        candidates, log_prob = self.matching(role, query, pool, each, self.table, prior)
        match = spread(candidates, log_prob, len(self.table.names))
        h = self.encoder(x, edge_index)
        agent = (~batch.is_decision).nonzero().squeeze(-1)
        backbone = batch.backbone if "backbone" in batch else match.argmax(1)  # [N]
        logit = self._gate_logit(h, batch, agent, backbone, seen)
        gate = x.new_zeros(len(x)).index_put((agent,), logit)
        return {"gate": gate, "edge": self.edges(h, edge_index), "match": match}

    def log_prob_of(self, choice: Choice) -> Tensor | None:
        if not isinstance(choice, Decision):
            return None
        log_prob: Tensor = self(choice.asked, sample=False, action=choice.action).log_prob
        return log_prob

    def _gate_logit(
        self, h: Tensor, batch: Batch, agent: Tensor, backbone: Tensor, seen: Believed | None
    ) -> Tensor:
        """Logits of role agents `[A]`: ahead is who is worth most alone on its LLM `[N]`, or where
        nothing is believed the lead role."""
        logit: Tensor = self.gate(h, batch.batch, agent, batch.num_graphs)
        if self.prior is None or seen is None:
            ahead: Tensor = self.lead_bias * batch.is_lead
        else:
            ahead = self.prior.gates(batch, backbone, seen)  # [N]
        return logit + ahead.index_select(0, agent)

    def _match_prior(self, batch: Batch, seen: Believed | None) -> Tensor | None:
        """What matching starts from, `[M]` or `[N, M]`."""
        return None if self.prior is None else self.prior.matches(self.table, batch, seen)

    def _believed(self, batch: Batch) -> Believed | None:
        """What is believed of the agents of a batch alone, where something is."""
        return None if self.prior is None else self.prior.seen(batch, self.table.names)
