"""`AgentDropout`: agents dropped per round, then messages (arXiv 2503.18891)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.data import Batch

from abgnn.data.plan import Plan
from abgnn.errors import ConfigError
from abgnn.models.decision import PlannedChoice
from abgnn.models.pruned_team import Inference, PrunedTeam, Rounds, survivors
from abgnn.models.sampling import categorical_entropy, choose
from abgnn.models.team import Cast, MaskMode, named_mask
from abgnn.nn.edge_distribution import Order
from abgnn.nn.edge_pruning import prune_edges
from abgnn.nn.low_rank import low_rank_penalty


class AgentDropout(PrunedTeam):
    r"""A team on one LLM that learns which agents each round drops, then which edges.

    Phase 1, `node_steps` training steps: edges are those of the open pairs in their order; in every
    round one agent is drawn to be silent. Then the agent with the lowest mean logit of its open
    pairs is dropped from each round for good. Phase 2: edges are drawn and pruned as in
    `AgentPrune`, every round with parameters of its own, under the low-rank regulariser. Works
    for any number of agents and rounds.

    Args:
        backbone: who plays all agents and the decision agent.
        n_agents, rounds: N and R.
        mode: which messages may be, see `named_mask`.
        init_prob: probability of every edge before training.
        node_policy: how an agent is drawn in phase 1. `released`: by the softmax of the sums s of
            its edges' logits, so that well-connected agents are silenced more often, and with a
            surrogate :math:`4 \sum_{e \ni d} \log(1 - \sigma_e) + \sum_{i \ne d} \sum_{e \ni i}
            \log \sigma_e` in place of the log-probability. `exact`: by the softmax of −s, and with
            its own log-probability: REINFORCE.
        node_steps: length of phase 1 (2 steps of 20 questions in the release); 0 drops nobody.
        prune_at: steps after the end of phase 1 at which edges are pruned.
        rate: share of the open edges that each pruning shuts.
        low_rank: the regulariser of phase 2, weight 1 as released.
        delta: radius of its tube.
        order: how candidate edges are walked; `index` as released.
        inference: see `AgentPrune`.
        seed: of random masks and sampled inference.
        cast: which roles the agents play, see `cast_of`.
        early_exit: whether an agent that reads a program which passes the question's public
            examples hands it on without a call, as the release's code agents do.

    Raises:
        ConfigError: an unknown LLM or setting, or a value out of range.
    """

    spatial_mask: Tensor
    temporal_mask: Tensor
    dropped: Tensor

    def __init__(
        self,
        backbone: str,
        n_agents: int = 5,
        rounds: int = 2,
        mode: MaskMode = "FullConnected",
        init_prob: float = 0.5,
        node_policy: Literal["released", "exact"] = "exact",
        node_steps: int = 2,
        prune_at: Sequence[int] = (2, 4),
        rate: float = 0.1,
        low_rank: bool = True,
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
        if node_policy not in ("released", "exact"):
            raise ConfigError("policy.node_policy", node_policy, "'released' or 'exact'")
        if node_steps < 0:
            raise ConfigError("policy.node_steps", node_steps, "an integer from 0")
        self.node_policy, self.node_steps = node_policy, node_steps
        self.low_rank, self.delta = low_rank, delta
        start, shape = self.start, (rounds, n_agents, n_agents)
        self.node_logits = nn.Parameter(torch.full(shape, start))
        self.spatial_logits = nn.Parameter(torch.full(shape, start))
        self.temporal_logits = nn.Parameter(torch.full(shape, start))  # round 0's stay idle
        spatial, temporal = named_mask(mode, n_agents, seed)
        self.register_buffer("spatial_mask", spatial.repeat(rounds, 1, 1))
        temporal = temporal.repeat(rounds, 1, 1)
        temporal[0] = False
        self.register_buffer("temporal_mask", temporal)
        self.register_buffer("dropped", torch.zeros(rounds, n_agents, dtype=torch.bool))

    @property
    def phase(self) -> Literal["nodes", "edges"]:
        """What is learned now."""
        return "nodes" if int(self.steps) < self.node_steps and self.n_agents > 1 else "edges"

    @property
    def fixed(self) -> bool:
        """Whether the last pruning is over."""
        last = max(self.prune_at, default=0)
        return bool(self.prune_at) and int(self.steps) - self.node_steps >= last

    def after_step(self, step: int) -> None:
        """Drop agents at the end of phase 1, prune edges at the steps named after it."""
        was = self.phase
        self.steps.fill_(step)
        if was == "nodes" and self.phase == "edges":
            self._drop()
        if step - self.node_steps in self.prune_at:
            for r in range(self.rounds):
                for mask, logits in ((self.spatial_mask, self.spatial_logits),
                                     (self.temporal_mask, self.temporal_logits)):  # fmt: skip
                    mask[r] = prune_edges(mask[r], logits[r], self.rate)

    @torch.no_grad()
    def _drop(self) -> None:
        """One agent per round goes: the one of the lowest mean logit over its open pairs."""
        mask = self.spatial_mask.float()
        touching = mask.sum(1) + mask.sum(2)  # [R, N]
        weighed = self.node_logits * mask
        mean = (weighed.sum(1) + weighed.sum(2)) / touching.clamp(min=1)
        mean = mean.masked_fill(
            touching == 0, float("inf")
        )  # who speaks to nobody costs no message
        for r in range(self.rounds):
            if not torch.isfinite(mean[r]).any():
                continue
            gone = int(mean[r].argmin())
            self.dropped[r, gone] = True
            self.spatial_mask[r, gone], self.spatial_mask[r, :, gone] = False, False
            self.temporal_mask[r, :, gone] = False  # it does not read what came before
            if r + 1 < self.rounds:
                self.temporal_mask[r + 1, gone] = False  # nor is there anything to read of it

    def forward(self, batch: Batch, *, sample: bool) -> PlannedChoice:
        if self.phase == "nodes" and sample:
            return self._without_nodes(batch)
        drawn = self.drawn(batch.query, sample=sample)
        team = self.team(batch.template[0])
        silent = [self.dropped[r].nonzero().flatten().tolist() for r in range(self.rounds)]
        rounds = [(s.edges, t.edges, gone) for (s, t), gone in zip(drawn, silent, strict=True)]
        plans = team.plans(batch.query, rounds)
        loss = None
        if self.low_rank:
            loss = low_rank_penalty(self.spatial_logits, self.spatial_mask, self.delta)
            if self.rounds > 1:  # before the first round there is none
                between = self.temporal_logits[1:], self.temporal_mask[1:]
                loss = loss + low_rank_penalty(*between, self.delta)
        log_prob = torch.stack([s.log_prob + t.log_prob for s, t in drawn]).sum(0)
        entropy = torch.stack([s.entropy + t.entropy for s, t in drawn]).sum(0)
        return self._choice(
            plans, F.pad(log_prob.unsqueeze(1), (1, 0)), F.pad(entropy.unsqueeze(1), (1, 0)), loss
        )

    def node_log_probs(self) -> tuple[Tensor, Tensor]:
        """Per round and agent: the log of the chance to be silenced, and what its gradient is
        taken of (the same for `exact`), `[R, N]` each."""
        mask = self._whole().float()  # phase 1's graph
        weighed = self.node_logits * mask
        tied = weighed.sum(1) + weighed.sum(2)  # s, [R, N]
        if self.node_policy == "exact":
            exact = F.log_softmax(-tied, 1)
            return exact, exact
        off, on = F.logsigmoid(-self.node_logits) * mask, F.logsigmoid(self.node_logits) * mask
        lost, kept = off.sum(1) + off.sum(2), on.sum(1) + on.sum(2)  # [R, N]
        surrogate = 4 * lost + kept.sum(1, keepdim=True) - kept
        return F.log_softmax(tied, 1).detach(), surrogate

    def _whole(self) -> Tensor:
        """All open pairs that close no cycle, walked in their order, `[R, N, N]`."""
        sure = torch.ones_like(self.spatial_logits)  # equal: walked by index in either order
        return torch.stack(
            [self.edges(sure[r : r + 1], self.spatial_mask[r], sample=False).edges[0]
             for r in range(self.rounds)]
        )  # fmt: skip

    def _without_nodes(self, batch: Batch) -> PlannedChoice:
        """Phase 1: the whole graph, less one agent drawn per round."""
        size = batch.num_graphs
        chance, surrogate = self.node_log_probs()  # [R, N]
        every = chance.unsqueeze(0).expand(size, -1, -1).reshape(size * self.rounds, -1)
        gone = choose(every, sample=True).view(size, self.rounds)  # [B, R]
        picked = surrogate.expand(size, -1, -1).gather(2, gone.unsqueeze(2)).squeeze(2)
        entropy = categorical_entropy(chance).sum().expand(size)
        spatial, temporal = self._whole().cpu(), self.temporal_mask.cpu()
        team = self.team(batch.template[0])
        plans = [
            team.plan(
                query, [(spatial[r], temporal[r], [int(gone[b, r])]) for r in range(self.rounds)]
            )
            for b, query in enumerate(batch.query)
        ]
        log_probs = F.pad(picked.sum(1, keepdim=True), (0, 1))  # nodes, edges
        return self._choice(plans, log_probs, F.pad(entropy.unsqueeze(1), (0, 1)), None)

    def _choice(
        self, plans: list[Plan], log_probs: Tensor, entropies: Tensor, loss: Tensor | None
    ) -> PlannedChoice:
        shown = {
            "open_edges": float(self.spatial_mask.sum() + self.temporal_mask.sum()),
            "dropped_agents": float(self.dropped.sum()),
        }
        return PlannedChoice(
            plans, ("nodes", "edges"), log_probs, entropies, loss=loss, shown=shown
        )

    def graphs(self, size: int, *, sample: bool) -> Rounds:
        keep = self.fixed and not sample  # what survived is kept
        rounds = []
        for r in range(self.rounds):
            pair = []
            for logits, mask, acyclic in (
                (self.spatial_logits[r], self.spatial_mask[r], True),
                (self.temporal_logits[r], self.temporal_mask[r], False),
            ):
                many = (survivors(logits) if keep else logits).expand(size, -1, -1)
                pair.append(self.edges(many, mask, sample=sample, acyclic=acyclic))
            rounds.append((pair[0], pair[1]))
        return rounds
