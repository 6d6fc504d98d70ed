"""`ProfilePrior`: the warm start, prior logits from the profiles without one rollout."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from abgnn.nn.backbone_table import BackboneTable


class ProfilePrior(nn.Module):
    r"""Prior logits of pools and backbones from expected accuracy, cost and seconds.

    .. math::
        \mathrm{match}_m = (0.5 \, a_m - \lambda_{tok} c_m - 0.6 \, \lambda_{lat} l_m) / T, \quad
        \mathrm{pool}_p = (\bar a_p - n_c \lambda_{tok} \bar c_p - n_l \lambda_{lat} \bar l_p) / T

    with per-call USD c and seconds l; :math:`n_c` calls and :math:`n_l` calls in a row are what a
    plan is expected to take. It follows the current λ's, which are buffers and thus resumed.

    Args:
        calls: expected calls of a plan, n_c (4 with at least two agents, 1 for a lone agent).
        depth: expected calls on its critical path, n_l (3, or 1).
        temperature: T, in units of accuracy.

    Shapes: a `BackboneTable` → pool logits `[P]`, match logits `[M]`.
    """

    lambda_tok: Tensor
    lambda_lat: Tensor

    def __init__(self, calls: float = 4.0, depth: float = 3.0, temperature: float = 0.02) -> None:
        super().__init__()
        self.calls, self.depth, self.temperature = calls, depth, temperature
        self.register_buffer("lambda_tok", torch.zeros(()))
        self.register_buffer("lambda_lat", torch.zeros(()))

    def forward(self, table: BackboneTable) -> tuple[Tensor, Tensor]:
        cost = self.lambda_tok * table.cost  # [M]
        wait = self.lambda_lat * table.latency  # [M]
        pool = table.pool_mean(table.accuracy - self.calls * cost - self.depth * wait)  # [P]
        match = 0.5 * table.accuracy - cost - 0.6 * wait  # [M]
        return pool / self.temperature, match / self.temperature

    def extra_repr(self) -> str:
        return f"calls={self.calls}, depth={self.depth}, temperature={self.temperature}"
