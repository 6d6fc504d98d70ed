"""`TaskBill`: USD or seconds of a call by task and length; fitted in closed form."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class TaskBill(nn.Module):
    r"""Expected USD (or seconds) of one call of each LLM.

    .. math:: \hat c_m(q) = a_{\tau m} + b_m \, length(q)

    Prompt tokens grow with the question's length, completion tokens are the task's. The slope is
    the one within tasks; :math:`a_\tau` is the task's mean, shrunk towards the overall one.

    Args:
        tasks: U; index U stands for a task never seen.
        backbones: M.
        shrink: observations that the overall mean weighs as much as.

    Buffers: `base [U+1, M]`, `slope [M]`, `least [M]`: the least that was ever billed.
    """

    base: Tensor
    slope: Tensor
    least: Tensor

    def __init__(self, tasks: int, backbones: int, shrink: float = 1.0) -> None:
        super().__init__()
        self.shrink = shrink
        self.register_buffer("base", torch.zeros(tasks + 1, backbones, dtype=torch.float64))
        self.register_buffer("slope", torch.zeros(backbones, dtype=torch.float64))
        self.register_buffer("least", torch.zeros(backbones, dtype=torch.float64))

    def forward(self, length: Tensor, task: Tensor) -> Tensor:
        """Expected bills `[B, M]` of queries of lengths `[B]` and task indices `[B]`."""
        bill = self.base[task] + length.double().unsqueeze(1) * self.slope  # [B, M]
        return bill.maximum(self.least)

    @torch.no_grad()
    def fit(self, length: Tensor, task: Tensor, bill: Tensor) -> None:
        """Fit to observed bills `[n, M]` of queries of lengths `[n]` and task indices `[n]`."""
        length, bill = length.double().unsqueeze(1), bill.double()
        both = torch.cat([length, bill], 1)  # [n, 1+M]
        count = torch.bincount(task, minlength=len(self.base)).double().unsqueeze(1)  # [U+1, 1]
        total = both.new_zeros(len(self.base), both.size(1)).index_add(0, task, both)
        inside = both - (total / count.clamp(min=1))[task]
        x, y = inside[:, :1], inside[:, 1:]
        slope = ((x * y).sum(0) / x.square().sum().clamp(min=1e-12)).clamp(min=0)  # [M]
        rest = bill - length * slope  # [n, M]
        sums = torch.zeros_like(self.base).index_add(0, task, rest)
        self.slope.copy_(slope)
        self.base.copy_((sums + self.shrink * rest.mean(0)) / (count + self.shrink))
        self.least.copy_(bill.min(0).values)

    def extra_repr(self) -> str:
        return f"tasks={len(self.base) - 1}, backbones={len(self.slope)}"
