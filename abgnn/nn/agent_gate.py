"""`AgentGate`: which agents stay (Eq 6)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing


class AgentGate(MessagePassing):  # type: ignore[misc]
    r"""Keep logits of the role agents (arXiv 2512.11426, section 3.2.2).

    .. math:: p_i = \sigma(W_g [h_i; \bar h]), \qquad \bar h = \mathrm{mean}_i \, h_i

    The mean is a message from every role agent to its graph; the decision agent is never gated,
    so it neither sends nor is judged.

    Args:
        channels: hidden width D.
        bias: initial value of the bias; −0.5 keeps about two of six agents.
        zero_init: start from :math:`W_g = 0`: every agent is equally likely, and ties fall to the
            template's order, in which the main solver comes first.

    Shapes: h `[N, D]`, batch `[N]`, agent `[A]` (indices of the role agents) → logits `[A]`.
    """

    def __init__(self, channels: int, bias: float = 0.0, zero_init: bool = False) -> None:
        super().__init__(aggr="mean")
        self.explain = False  # its messages are not along the graph's edges
        self.initial_bias, self.zero_init = bias, zero_init
        self.lin = nn.Linear(2 * channels, 1)  # W_g
        self.reset_parameters()

    def reset_parameters(self) -> None:
        super().reset_parameters()
        self.lin.reset_parameters()
        nn.init.constant_(self.lin.bias, self.initial_bias)
        if self.zero_init:
            nn.init.zeros_(self.lin.weight)

    def forward(self, h: Tensor, batch: Tensor, agent: Tensor, num_graphs: int) -> Tensor:
        graph = batch.index_select(0, agent)  # [A]
        mean = self.propagate(torch.stack([agent, graph]), h=h, size=(len(h), num_graphs))  # [B, D]
        both = [h.index_select(0, agent), mean.index_select(0, graph)]  # [A, D] each
        logits: Tensor = self.lin(torch.cat(both, -1)).squeeze(-1)
        return logits  # [A]

    def message(self, h_j: Tensor) -> Tensor:
        return h_j

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.lin.in_features // 2})"
