"""The low-rank regulariser of AgentPrune (its commit d95b52b) and AgentDropout."""

from __future__ import annotations

import torch
from torch import Tensor


def low_rank_penalty(logits: Tensor, mask: Tensor, delta: float = 0.1) -> Tensor:
    r"""Nuclear norm and a tube of Frobenius radius δ around the mask.

    .. math:: \|\Theta\|_* + \max(0, \|A - \Theta\|_F - \delta)

    As released, Θ are raw logits, neither probabilities nor masked.

    Args:
        logits: Θ, `[N, N]` or `[R, N, N]`; several are averaged.
        mask: A, of the same shape.
        delta: δ.

    Returns: a scalar.
    """
    nuclear = torch.linalg.matrix_norm(logits, ord="nuc")
    away = torch.linalg.matrix_norm(mask.to(logits.dtype) - logits, ord="fro")
    penalty: Tensor = (nuclear + torch.relu(away - delta)).mean()
    return penalty
