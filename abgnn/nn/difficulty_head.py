"""`DifficultyHead`: how hard a query is, from its embedding (section 3.1.2, Appendix F)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class DifficultyHead(nn.Module):
    r"""Difficulty :math:`d = 1 - s` with the ease :math:`s = \sigma(\mathrm{MLP}(q))`.

    Ease is the share of LLMs that answer a query correctly. Only this head learns in the
    end-to-end phase. A fresh head says 0.5 of every query.

    Args:
        in_channels: width of its input: the embedding's H, and whatever is put beside it.
        channels: hidden width.
        bias: whether the logit has an intercept; without one the head is a residual.

    Shapes: q `[B, in_channels]` → difficulty `[B]` in [0, 1].
    """

    def __init__(self, in_channels: int, channels: int = 64, bias: bool = True) -> None:
        super().__init__()
        self.lin1 = nn.Linear(in_channels, channels)
        self.lin2 = nn.Linear(channels, 1, bias=bias)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        self.lin1.reset_parameters()
        nn.init.zeros_(self.lin2.weight)
        if self.lin2.bias is not None:
            nn.init.zeros_(self.lin2.bias)

    def ease_logit(self, query: Tensor) -> Tensor:
        """Logit of the ease, `[B]`."""
        logit: Tensor = self.lin2(F.gelu(self.lin1(query))).squeeze(-1)
        return logit  # [B]

    def forward(self, query: Tensor) -> Tensor:
        return torch.sigmoid(-self.ease_logit(query))  # [B]
