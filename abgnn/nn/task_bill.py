"""`TaskBill`: USD or seconds of a call by task and length, as `planning.BillModel` fits it."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class TaskBill(nn.Module):
    r"""Expected USD (or seconds) of one call of each LLM.

    .. math:: \hat c_m(q) = a_{\tau m} + b_m \, length(q)

    Args:
        tasks: U; index U stands for a task never seen.
        backbones: M.

    Buffers: `base [U+1, M]`, `slope [M]`, `least [M]`: the least that was ever billed.
    """

    base: Tensor
    slope: Tensor
    least: Tensor

    def __init__(self, tasks: int, backbones: int) -> None:
        super().__init__()
        self.register_buffer("base", torch.zeros(tasks + 1, backbones, dtype=torch.float64))
        self.register_buffer("slope", torch.zeros(backbones, dtype=torch.float64))
        self.register_buffer("least", torch.zeros(backbones, dtype=torch.float64))

    def forward(self, length: Tensor, task: Tensor) -> Tensor:
        """Expected bills `[B, M]` of queries of lengths `[B]` and task indices `[B]`."""
        bill = self.base[task] + length.double().unsqueeze(1) * self.slope  # [B, M]
        return bill.maximum(self.least)

    def extra_repr(self) -> str:
        return f"tasks={len(self.base) - 1}, backbones={len(self.slope)}"
