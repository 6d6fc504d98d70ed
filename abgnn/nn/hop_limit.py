"""`HopLimit`: how long a path of messages may be, per query (Eq 8)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class HopLimit(nn.Module):
    r"""Expected hop limit from the kept agents (arXiv 2512.11426, section 3.2.3).

    .. math:: H_{max} = \sum_{k=1}^{N-1} k \, \pi(k), \qquad \pi = \mathrm{softmax}(W_L \bar h)

    in hops, i.e. edges on a path. The paper prints :math:`L_{max} = 1 + H_{max}`, which counts
    the agents on the path: read as hops it could never bind, for N agents have no path of more
    than N − 1 edges. :math:`\pi` is masked to :math:`k < N` for the N agents kept.

    Args:
        channels: hidden width D.
        max_hops: the largest limit that can be learned, K.

    Shapes: h `[N, D]`, weight `[N]` (1 for kept role agents, else 0), batch `[N]` → limit `[B]`
    (0 where fewer than two agents are kept).
    """

    hops: Tensor

    def __init__(self, channels: int, max_hops: int = 8) -> None:
        super().__init__()
        self.lin = nn.Linear(channels, max_hops)  # W_L
        self.register_buffer("hops", torch.arange(1, max_hops + 1), persistent=False)  # [K]
        self.reset_parameters()

    def reset_parameters(self) -> None:
        self.lin.reset_parameters()

    def forward(self, h: Tensor, weight: Tensor, batch: Tensor, num_graphs: int) -> Tensor:
        weighted = h * weight.unsqueeze(-1)  # [N, D]
        total = h.new_zeros(num_graphs, h.size(-1)).index_add(0, batch, weighted)  # [B, D]
        kept = h.new_zeros(num_graphs).index_add(0, batch, weight.detach())  # N_kept [B]
        count = kept.round()
        mean = total / count.clamp(min=1).unsqueeze(-1)  # [B, D]
        allowed = self.hops < count.clamp(min=2).unsqueeze(-1)  # [B, K]
        pi = self.lin(mean).masked_fill(~allowed, float("-inf")).softmax(-1)  # [B, K]
        limit: Tensor = (pi * self.hops).sum(-1) * (count > 1)
        return limit  # [B]

    def extra_repr(self) -> str:
        return f"max_hops={len(self.hops)}"
