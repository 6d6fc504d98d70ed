"""Parts of `AgentBalance` that choose at random or take all: the variants of the paper's Table 3.

Each takes the place of one part by `class_path`, see configs/ablations. Variant (1), random pools,
is `BaseMAS(pools="random")`; variant (4), role embeddings only, is `AgentEncoder(attend="none")`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.data import Batch

from abgnn.models.agent_balance import AgentBalance
from abgnn.models.decision import Action, Decision
from abgnn.models.seeded import seeded
from abgnn.nn.backbone_table import BackboneTable

EPSILON = 1e-4  # a tie is broken by so much: probabilities are equal to within 0.01 %
SURE = 30.0  # a logit whose log-probability is 0 in float32


class AtRandom(nn.Module):
    """Base of parts that choose uniformly.

    A draw is uniform; the most probable choice (`sample=False`) is drawn for each query from the
    seed and the query's id. Both follow from log-probabilities that are equal
    up to `EPSILON` times that draw, so what REINFORCE sees is what was sampled from.

    Args:
        seed: of the draws.
    """

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.seed = seed
        self.query_ids: tuple[str, ...] = ()  # ids of the queries of the batch, B of them

    def ties(self, *shape: int) -> Tensor:
        """What breaks each query's ties, `[B, *shape]`."""
        drawn = {}
        for query in dict.fromkeys(self.query_ids):
            with seeded(self.seed, f"{type(self).__name__}/{query}"):
                drawn[query] = EPSILON * torch.rand(shape)
        return torch.stack([drawn[query] for query in self.query_ids])

    def extra_repr(self) -> str:
        return f"seed={self.seed}"


class RandomPoolSelection(AtRandom):
    """Variant (2): any admissible pool, whatever the question.

    Shapes: as `PoolSelection`.
    """

    def forward(
        self,
        pool_embed: Tensor,
        cost_curve: Tensor,
        difficulty: Tensor,
        upper_bound: int | None = None,
        prior: Tensor | None = None,
    ) -> Tensor:
        n_pools = pool_embed.size(0)
        allowed = n_pools if upper_bound is None else min(upper_bound, n_pools)
        ties = self.ties(allowed).to(difficulty.device)  # [B, allowed]
        return F.pad(ties.log_softmax(-1), (0, n_pools - allowed), value=float("-inf"))  # [B, P]


class RandomMatching(AtRandom):
    """Variant (3): any member of the selected pool plays a role.

    Shapes: as `RoleMatching`.
    """

    def forward(
        self,
        role: Tensor,
        query: Tensor,
        pool: Tensor,
        batch: Tensor,
        table: BackboneTable,
        prior: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        tier = pool.index_select(0, batch)  # [N]
        candidates, real = table.slots[tier], table.slot_mask[tier]  # [N, S]
        first = torch.searchsorted(batch, torch.arange(len(pool), device=batch.device))  # [B]
        place = torch.arange(len(batch), device=batch.device) - first[batch]  # in its graph [N]
        ties = self.ties(int(place.max()) + 1, candidates.size(1)).to(role.device)  # [B, T, S]
        logits = ties[batch, place].masked_fill(~real, float("-inf"))
        return candidates, logits.log_softmax(-1)  # [N, S]


class EveryAgent(nn.Module):
    """Variant (5): no agent is ever left out. Shapes: as `AgentGate`."""

    def forward(self, h: Tensor, batch: Tensor, agent: Tensor, num_graphs: int) -> Tensor:
        return h.new_full((len(agent),), SURE)  # [A]


class EveryEdge(nn.Module):
    """Variant (6): every admissible edge between kept agents. Shapes: as `EdgePredictor`."""

    def forward(self, h: Tensor, edge_index: Tensor) -> Tensor:
        return h.new_full((edge_index.size(1),), SURE)  # [E]


class NoHopLimit(nn.Module):
    """With variant (6): a limit, in hops, that no path reaches. Shapes: as `HopLimit`."""

    def forward(self, h: Tensor, weight: Tensor, batch: Tensor, num_graphs: int) -> Tensor:
        return torch.bincount(batch, minlength=num_graphs).to(h.dtype)  # [B]


class AblatedBalance(AgentBalance):
    """`AgentBalance` whose parts may be `AtRandom`: they get the ids of the batch's queries.

    Args: as `AgentBalance`.
    """

    def forward(self, batch: Batch, *, sample: bool, action: Action | None = None) -> Decision:
        query_ids = tuple(query.id for query in batch.query)
        for part in self.children():
            if isinstance(part, AtRandom):
                part.query_ids = query_ids
        return super().forward(batch, sample=sample, action=action)
