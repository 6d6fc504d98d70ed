"""Difficulty from questions that carry a rated level, before any rollout (Appendix F's loss)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike
from torch import Tensor

from abgnn.data.query import Query
from abgnn.nn.difficulty_head import DifficultyHead


def is_rated(queries: Sequence[Query]) -> bool:
    """Whether the questions' own levels say anything: some have one, and they are not all alike."""
    known = [float(q.meta["level"]) for q in queries if q.meta.get("level") is not None]
    return differs(known)


def differs(values: ArrayLike) -> bool:
    """Whether numbers differ by more than rounding: a spread above a millionth of their size."""
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.size < 2:
        return False
    return bool(np.ptp(numbers) > 1e-6 * np.abs(numbers).max())


def rated_ease(queries: Sequence[Query], mean_accuracy: float, slope: float = 1.0) -> Tensor:
    r"""Expected share of LLMs that solve each query, from its rated `meta["level"]`.

    .. math:: \mathrm{logit}\, s_q = \mathrm{logit}\, \bar a - \mathrm{slope} \cdot z(level_q)

    with the catalogue's mean expected accuracy and the standardised level; unrated queries get
    the mean. Returns `[len(queries)]`.
    """
    stated = [q.meta.get("level") for q in queries]
    level = torch.tensor([torch.nan if one is None else float(one) for one in stated])  # [n]
    known = ~level.isnan()
    z = torch.zeros_like(level)
    if is_rated(queries):
        z[known] = (level[known] - level[known].mean()) / level[known].std()
    return torch.sigmoid(torch.logit(torch.tensor(mean_accuracy), eps=1e-3) - slope * z)


def difficulty_loss(ease_logit: Tensor, ease: Tensor) -> Tensor:
    """½ BCE + ½ MSE on soft targets (Appendix F); both `[n]`, a scalar out."""
    bce = F.binary_cross_entropy_with_logits(ease_logit, ease)
    return 0.5 * bce + 0.5 * F.mse_loss(torch.sigmoid(ease_logit), ease)


def fit_difficulty(
    head: DifficultyHead, query_embed: Tensor, ease: Tensor, steps: int = 200, lr: float = 5e-3
) -> float:
    """Fit the head to soft targets in place; returns the last loss.

    Args:
        head: the policy's difficulty head.
        query_embed: encoded training queries `[n, H]`.
        ease: targets in [0, 1], `[n]`.
        steps: full-batch AdamW steps, weight decay 1e-3 (Appendix F).
        lr: learning rate.
    """
    optimiser = torch.optim.AdamW(head.parameters(), lr=lr, weight_decay=1e-3)
    loss = torch.zeros(())
    with torch.enable_grad():
        for _ in range(steps):
            loss = difficulty_loss(head.ease_logit(query_embed), ease)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    return float(loss.detach())
