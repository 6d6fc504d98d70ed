"""`AgentGate`: which agents stay (Eq 6)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class AgentGate(nn.Module):
    r"""Keep logits of the role agents (arXiv 2512.11426, section 3.2.2).

    .. math:: p_i = \sigma(W_g [h_i; \bar h]), \qquad \bar h = \mathrm{mean}_i \, h_i

    The mean is over the role agents of a graph; the decision agent is never gated, so it neither
    counts nor is judged. Both halves of :math:`W_g` are applied before the mean, to numbers.

    Args:
        channels: hidden width D.
        bias: initial value of the bias; −0.5 keeps about two of six agents.
        zero_init: start from :math:`W_g = 0`: every agent is equally likely, and ties fall to the
            template's order, in which the main solver comes first.

    Shapes: h `[N, D]`, batch `[N]`, agent `[A]` (indices of the role agents) → logits `[A]`.
    """

    def __init__(self, channels: int, bias: float = 0.0, zero_init: bool = False) -> None:
        super().__init__()
        self.initial_bias, self.zero_init = bias, zero_init
        self.lin = nn.Linear(2 * channels, 1)  # W_g
        self.reset_parameters()

    def reset_parameters(self) -> None:
        self.lin.reset_parameters()
        nn.init.constant_(self.lin.bias, self.initial_bias)
        if self.zero_init:
            nn.init.zeros_(self.lin.weight)

    def forward(self, h: Tensor, batch: Tensor, agent: Tensor, num_graphs: int) -> Tensor:
        graph = batch.index_select(0, agent)  # [A]
        halves = F.linear(h, self.lin.weight.view(2, -1)).index_select(0, agent)  # [A, 2]
        own, others = halves.unbind(1)  # [A] each
        count = torch.bincount(graph, minlength=num_graphs).clamp(min=1)  # [B]
        total = others.new_zeros(num_graphs).index_add(0, graph, others)  # [B]
        mean = total / count + self.lin.bias  # [B]
        return own + mean.index_select(0, graph)  # [A]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.lin.in_features // 2})"
