"""`AgentPrune`: learned spatial and temporal messages, pruned once or twice (arXiv 2410.02506)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch_geometric.data import Batch

from abgnn.models.decision import PlannedChoice
from abgnn.models.pruned_team import Inference, PrunedTeam, Rounds, survivors
from abgnn.models.team import Cast, MaskMode, named_mask
from abgnn.nn.edge_distribution import Order
from abgnn.nn.edge_pruning import prune_edges
from abgnn.nn.low_rank import low_rank_penalty


class AgentPrune(PrunedTeam):
    r"""A team on one LLM whose messages within and between rounds are learned, then pruned.

    .. math:: p(G) = \prod_r p(E^S_r; \Theta^S, M^S) \, p(E^T_r; \Theta^T, M^T)

    with edges drawn anew every round by `EdgeDistribution` from open pairs M, and logits Θ that
    are the same for every question. After training steps `prune_at` the weakest `rate` of the open
    edges is shut; after the last of them the graph is fixed.

    Args:
        backbone: who plays all agents and the decision agent.
        n_agents: N (5 on MMLU and HumanEval, 4 on GSM8K).
        rounds: executions of the graph; with one round no temporal edge exists.
        mode: which messages may be, see `named_mask`.
        init_prob: probability of every edge before training.
        prune_at: training steps after which edges are pruned: (5, 10) as released, one step for
            one-shot pruning; with none nothing is ever pruned.
        rate: share of the open edges that each pruning shuts.
        low_rank: add the regulariser of the release's commit d95b52b (at its HEAD there is none).
        delta: radius of the regulariser's tube.
        order: how candidate edges are walked; `index` as released.
        inference: `deterministic`: edges of probability above 1/2 among the open ones, or once
            pruning is over all open ones that close no cycle; `sampled`, as released, draws them
            still, from a seed, so that the same questions get the same plans.
        seed: of random masks and sampled inference.
        cast: which roles the agents play, see `cast_of`.
        early_exit: whether an agent that reads a program which passes the question's public
            examples hands it on without a call, as the release's code agents do.

    Raises:
        ConfigError: an unknown LLM or setting, or a value out of range.
    """

    spatial_mask: Tensor
    temporal_mask: Tensor

    def __init__(
        self,
        backbone: str,
        n_agents: int = 5,
        rounds: int = 1,
        mode: MaskMode = "FullConnected",
        init_prob: float = 0.5,
        prune_at: Sequence[int] = (5, 10),
        rate: float = 0.25,
        low_rank: bool = False,
        delta: float = 0.1,
        order: Order = "index",
        inference: Inference = "deterministic",
        seed: int = 0,
        cast: Cast = "template",
        early_exit: bool = False,
    ) -> None:
        super().__init__(
            backbone, n_agents, rounds, init_prob, prune_at, rate, order, inference, seed,
            cast, early_exit,
        )  # fmt: skip
        self.low_rank, self.delta = low_rank, delta
        start = torch.full((2, n_agents, n_agents), self.start)
        self.logits = nn.Parameter(start)  # spatial, temporal: [2, N, N]
        spatial, temporal = named_mask(mode, n_agents, seed)
        self.register_buffer("spatial_mask", spatial)
        self.register_buffer("temporal_mask", temporal)

    def after_step(self, step: int) -> None:
        """Prune after the steps that were named."""
        self.steps.fill_(step)
        if step in self.prune_at:
            self.spatial_mask.copy_(prune_edges(self.spatial_mask, self.logits[0], self.rate))
            self.temporal_mask.copy_(prune_edges(self.temporal_mask, self.logits[1], self.rate))

    @property
    def fixed(self) -> bool:
        """Whether the last pruning is over."""
        return bool(self.prune_at) and int(self.steps) >= max(self.prune_at)

    def forward(self, batch: Batch, *, sample: bool) -> PlannedChoice:
        drawn = self.drawn(batch.query, sample=sample)
        team = self.team(batch.template[0])
        plans = team.plans(batch.query, [(s.edges, t.edges, ()) for s, t in drawn])
        loss = None
        if self.low_rank:
            masks = torch.stack([self.spatial_mask, self.temporal_mask])
            loss = 2 * low_rank_penalty(self.logits, masks, self.delta)  # a sum of both
        shown = {"open_edges": float(self.spatial_mask.sum() + self.temporal_mask.sum())}
        return PlannedChoice(
            plans,
            ("spatial", "temporal"),
            torch.stack([sum_of(drawn, k, "log_prob") for k in (0, 1)], 1),  # [B, 2]
            torch.stack([sum_of(drawn, k, "entropy") for k in (0, 1)], 1),
            loss=loss,
            shown=shown,
        )

    def graphs(self, size: int, *, sample: bool) -> Rounds:
        spatial, temporal = self.logits.unsqueeze(1).expand(2, size, -1, -1)  # [B, N, N] each
        if self.fixed and not sample:  # what survived is kept
            spatial, temporal = survivors(spatial), survivors(temporal)
        rounds: Rounds = []
        for r in range(self.rounds):
            within = self.edges(spatial, self.spatial_mask, sample=sample)
            if r:
                mask = self.temporal_mask
                between = self.edges(temporal, mask, sample=sample, acyclic=False)
            else:
                between = self.edges.none(temporal, sample=sample)
            rounds.append((within, between))
        return rounds


def sum_of(drawn: Rounds, kind: int, field: str) -> Tensor:
    """Sum over rounds of a figure of spatial (0) or temporal (1) edges, `[B]`."""
    total: Tensor = torch.stack([getattr(pair[kind], field) for pair in drawn]).sum(0)
    return total
