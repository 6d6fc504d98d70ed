"""`EdgePredictor`: logits of messages between agents (Eq 7)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from abgnn.errors import ConfigError

_BOUND = 6.0


class EdgePredictor(nn.Module):
    r"""Logits of the admissible edges (arXiv 2512.11426, section 3.2.3).

    .. math:: p_{ij} = \sigma(\langle W_a h_i, W_a h_j \rangle \; [+\, b])

    The product is symmetric: the direction of a message comes from the template's rank. With
    `directed=True` sender and receiver have maps of their own, :math:`W_s` and :math:`W_a`.

    Args:
        channels: hidden width D.
        bias: None (as printed), or the initial value of a learned bias.
        directed: learn the direction too.
        zero_init: start from :math:`W_s = 0`: every edge has the logit b; with `directed`. The
            product z is then divided by :math:`\sqrt{D}`, as in attention, and bounded,
            :math:`z / (1 + |z| / 6)`: lessons that tell edges apart would else drive it on.

    Shapes: h `[N, D]`, edge_index `[2, E]` → logits `[E]`.
    """

    def __init__(
        self,
        channels: int,
        bias: float | None = None,
        directed: bool = False,
        zero_init: bool = False,
    ) -> None:
        super().__init__()
        if zero_init and not directed:
            raise ConfigError("zero_init", zero_init, "false where directed is false")
        self.initial_bias, self.zero_init = bias, zero_init
        self.unit = channels**-0.5 if zero_init else 1.0
        self.lin = nn.Linear(channels, channels, bias=False)  # W_a
        self.lin_send = nn.Linear(channels, channels, bias=False) if directed else None  # W_s
        self.bias = None if bias is None else nn.Parameter(torch.empty(()))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        for lin in (self.lin, self.lin_send):
            if lin is not None:
                lin.reset_parameters()
        if self.zero_init and self.lin_send is not None:
            nn.init.zeros_(self.lin_send.weight)
        if self.bias is not None and self.initial_bias is not None:
            nn.init.constant_(self.bias, self.initial_bias)

    def forward(self, h: Tensor, edge_index: Tensor) -> Tensor:
        receive = self.lin(h)  # [N, D]
        send = receive if self.lin_send is None else self.lin_send(h)  # [N, D]
        senders, receivers = edge_index
        pair = send.index_select(0, senders) * receive.index_select(0, receivers)  # [E, D]
        logits: Tensor = pair.sum(-1)  # [E]
        if self.zero_init:
            logits = self.unit * logits
            logits = logits / (1 + logits.abs() / _BOUND)
        return logits if self.bias is None else logits + self.bias

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.lin.in_features}, directed={self.lin_send is not None})"
        )
