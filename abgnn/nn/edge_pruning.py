"""Pruning as AgentPrune and AgentDropout do it: the least likely edges of a mask are shut."""

from __future__ import annotations

import torch
from torch import Tensor

from abgnn.errors import ConfigError


@torch.no_grad()
def prune_edges(mask: Tensor, logits: Tensor, rate: float) -> Tensor:
    """A mask with the weakest share of its open edges shut.

    As released: max(1, round(rate · open)) edges of the lowest logits, ties by index. At a rate of
    0.25, twice: 12 → 9 → 7 of the 4 agents' spatial edges, 20 → 15 → 11 of the 5 agents'.

    Args:
        mask: open edges, bool of any shape.
        logits: of the same shape.
        rate: share of the open edges, in [0, 1].

    Returns: bool of the same shape; a mask without open edges stays as it is.
    """
    if not 0 <= rate <= 1:
        raise ConfigError("rate", rate, "a share in [0, 1]")
    n_open = int(mask.sum())
    if not n_open or not rate:
        return mask.clone()
    shut = min(max(1, round(rate * n_open)), n_open)
    order = logits.masked_fill(~mask, float("inf")).flatten().argsort(stable=True)
    pruned = mask.clone()
    pruned.view(-1)[order[:shut]] = False
    return pruned
