"""The start of a policy's difficulty head: fitted to rated questions, else the packaged head."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from abgnn.data.query import Query
from abgnn.difficulty.packaged import PACKAGED_ENCODER, packaged_head
from abgnn.difficulty.rated import fit_difficulty, rated_ease
from abgnn.nn.difficulty_head import DifficultyHead


def start_difficulty(
    head: DifficultyHead,
    queries: Sequence[Query],
    embed: Tensor,
    mean_accuracy: float,
    encoder: str,
) -> str:
    """Initialise a head before any rollout; it is then trained with the policy.

    Questions that differ in their rated `meta["level"]` are fitted. Unrated ones start from the
    shipped head, if the policy's encoder is the one that it was trained on; its level is set so
    that the mean ease is the catalogue's, for its own is that of older LLMs. Else every question
    is as hard as the mean.

    Args:
        head: changed in place.
        queries: the training questions.
        embed: their embeddings, `[n, H]`.
        mean_accuracy: expected of the catalogue's LLMs.
        encoder: name of the text encoder.

    Returns: where the signal is from: `rated`, `shipped` or `mean`.
    """
    ease = rated_ease(queries, mean_accuracy).to(embed.device)
    rated = bool(ease.std(unbiased=False) > 0)
    if not rated and encoder == PACKAGED_ENCODER:
        shipped = packaged_head().to(embed.device)
        if [p.shape for p in shipped.parameters()] == [p.shape for p in head.parameters()]:
            head.load_state_dict(shipped.state_dict())
            set_level(head, embed, mean_accuracy)
            return "shipped"
    fit_difficulty(head, embed, ease)
    return "rated" if rated else "mean"


@torch.no_grad()
def set_level(head: DifficultyHead, embed: Tensor, mean_ease: float) -> None:
    """Shift the head's intercept until its mean ease over `embed [n, H]` is `mean_ease`."""
    logit = head.ease_logit(embed).double()
    low, high = -30.0, 30.0
    for _ in range(60):  # the mean grows with the shift
        middle = (low + high) / 2
        below = float(torch.sigmoid(logit + middle).mean()) < mean_ease
        low, high = (middle, high) if below else (low, middle)
    head.lin2.bias.add_(low)
