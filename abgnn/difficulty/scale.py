"""Difficulty on the scale that the planner's models use."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from abgnn.data.arrays import Array
from abgnn.data.query import Query
from abgnn.difficulty.head_file import load_head
from abgnn.difficulty.rated import differs
from abgnn.difficulty.source import PACKAGED, RATED
from abgnn.difficulty.start import start_difficulty
from abgnn.graph.base_mas import BaseMAS
from abgnn.nn.difficulty_head import DifficultyHead


def standard_difficulty(mas: BaseMAS, queries: Sequence[Query]) -> dict[str, float]:
    """Query id → standardised logit of the difficulty that `mas.difficulty` says.

    Where nothing is known about the questions it is 0 for all of them.
    """
    logit = _from_file(mas, queries) if mas.difficulty not in (PACKAGED, RATED) else None
    scaled = standardised(_started(mas, queries) if logit is None else logit)
    return dict(zip([q.id for q in queries], scaled.tolist(), strict=True))


def standardised(values: Array) -> Array:
    """Mean 0 and variance 1; 0 where values differ by rounding only."""
    if not differs(values):
        return np.zeros_like(values)
    scaled: Array = (values - values.mean()) / values.std()
    return scaled


def _from_file(mas: BaseMAS, queries: Sequence[Query]) -> Array:
    """What the file's own estimator says, counts and all, `[n]`."""
    ease = load_head(mas.difficulty).ease([q.text for q in queries]).clip(1e-6, 1 - 1e-6)
    logit: Array = np.log1p(-ease) - np.log(ease)
    return logit


def _started(mas: BaseMAS, queries: Sequence[Query]) -> Array:
    """Logits of a head that is started as a policy's is, `[n]`."""
    embed = mas.encode([q.text for q in queries])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        head = DifficultyHead(embed.size(-1))
        accuracy, encoder = float(mas.table.accuracy.mean()), mas.encode.model
        start_difficulty(head, queries, embed, accuracy, encoder, mas.difficulty)
    with torch.no_grad():
        logit: Array = -head.ease_logit(embed).double().numpy()
    return logit
