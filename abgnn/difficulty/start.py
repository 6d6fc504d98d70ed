"""The start of a policy's difficulty head: packaged, fitted to rated questions, or of a file."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from abgnn.data.query import Query
from abgnn.difficulty.head_file import embedding_head, load_head
from abgnn.difficulty.packaged import PACKAGED_ENCODER, packaged_head
from abgnn.difficulty.rated import fit_difficulty, is_rated, rated_ease
from abgnn.difficulty.source import PACKAGED, RATED
from abgnn.nn.difficulty_head import DifficultyHead


def start_difficulty(
    head: DifficultyHead,
    queries: Sequence[Query],
    embed: Tensor,
    mean_accuracy: float,
    encoder: str,
    source: str = PACKAGED,
) -> str:
    """Initialise a head before any rollout; it is then trained with the policy.

    The level is always set so that the mean ease is the catalogue's: a head's own is that of the
    LLMs that it was fitted on.

    Args:
        head: changed in place.
        queries: the training questions.
        embed: their embeddings, `[n, H]`.
        mean_accuracy: expected of the catalogue's LLMs.
        encoder: name of the text encoder.
        source: `packaged`: the shipped head, if the encoder is the one that it was trained on,
            else every question is as hard as the mean. `rated`: fitted to the questions' own
            `meta["level"]` if they differ, else as `packaged`. Or a file of `abgnn difficulty
            fit`: its weights where they fit, else its estimates of these questions are fitted.

    Returns: where the signal is from: `file`, `rated`, `shipped` or `mean`.
    """
    if source == RATED and is_rated(queries):
        fit_difficulty(head, embed, rated_ease(queries, mean_accuracy).to(embed.device))
        return "rated"
    if source not in (PACKAGED, RATED):
        _from_file(head, source, queries, embed, encoder)
        set_level(head, embed, mean_accuracy)
        return "file"
    if encoder == PACKAGED_ENCODER and _copied(packaged_head(), head):
        set_level(head, embed, mean_accuracy)
        return "shipped"
    _flatten(head)
    set_level(head, embed, mean_accuracy)
    return "mean"


def _from_file(
    head: DifficultyHead, path: str, queries: Sequence[Query], embed: Tensor, encoder: str
) -> None:
    """A file's weights; where it reads more than embeddings, or others, what it makes of these."""
    estimator = load_head(path)
    own = embedding_head(estimator)
    if own is not None and estimator.encoder_name == encoder and _copied(own, head):
        return
    ease = torch.from_numpy(estimator.ease([q.text for q in queries]))
    fit_difficulty(head, embed, ease.to(embed))


def _copied(source: DifficultyHead, head: DifficultyHead) -> bool:
    """Copy weights, if the shapes are the same."""
    if [p.shape for p in source.parameters()] != [p.shape for p in head.parameters()]:
        return False
    head.load_state_dict(source.state_dict())
    return True


def _flatten(head: DifficultyHead) -> None:
    """Every question alike, exactly: a fit to equal targets would leave noise like a signal."""
    nn.init.zeros_(head.lin2.weight)


@torch.no_grad()
def set_level(head: DifficultyHead, embed: Tensor, mean_ease: float) -> None:
    """Shift the head's intercept until its mean ease over `embed [n, H]` is `mean_ease`.

    A head without an intercept is left as it is.
    """
    if head.lin2.bias is None:
        return
    logit = head.ease_logit(embed).double()
    low, high = -30.0, 30.0
    for _ in range(60):  # the mean grows with the shift
        middle = (low + high) / 2
        below = float(torch.sigmoid(logit + middle).mean()) < mean_ease
        low, high = (middle, high) if below else (low, middle)
    head.lin2.bias.add_(low)
