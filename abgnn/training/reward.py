"""Reward per rollout (Eq 9): performance minus priced tokens and seconds."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from abgnn.data.outcome import Outcome


def reward(outcomes: Sequence[Outcome], lambda_tok: float, lambda_lat: float) -> Tensor:
    """R = Perf − λ_tok · USD − λ_lat · seconds, `[n]`; failed rollouts still cost."""
    values = [o.score - lambda_tok * o.cost - lambda_lat * o.latency for o in outcomes]
    return torch.tensor(values, dtype=torch.float32)
