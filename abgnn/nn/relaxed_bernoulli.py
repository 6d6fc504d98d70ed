"""Hard Bernoulli samples with a Gumbel-sigmoid (Concrete) gradient."""

from __future__ import annotations

import torch
from torch import Tensor


def straight_through_bernoulli(logits: Tensor, temperature: float = 1.0) -> tuple[Tensor, Tensor]:
    """Sample from Bernoulli(σ(logits)) by logistic noise.

    Returns:
        hard: the exact sample, bool, same shape.
        soft: equal to `hard` in value, with the gradient of σ((logits + noise) / temperature)
            (Maddison et al. 2017; Jang et al. 2017).
    """
    uniform = torch.rand_like(logits).clamp(1e-6, 1 - 1e-6)
    noisy = logits + torch.logit(uniform)
    hard = noisy > 0
    relaxed = torch.sigmoid(noisy / temperature)
    return hard, hard.to(relaxed.dtype) + (relaxed - relaxed.detach())
