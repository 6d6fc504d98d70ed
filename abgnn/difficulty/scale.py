"""Difficulty on the scale that the planner's models use."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from abgnn.data.query import Query
from abgnn.difficulty import start_difficulty
from abgnn.graph.base_mas import BaseMAS
from abgnn.nn.difficulty_head import DifficultyHead


def standard_difficulty(mas: BaseMAS, queries: Sequence[Query]) -> dict[str, float]:
    """Query id → standardised logit of the difficulty head, started as a policy's is."""
    embed = mas.encode([q.text for q in queries])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        head = DifficultyHead(embed.size(-1))
        start_difficulty(head, queries, embed, float(mas.table.accuracy.mean()), mas.encode.model)
    with torch.no_grad():
        logit = -head.ease_logit(embed).double().numpy()
    spread = float(logit.std())
    scaled = (logit - logit.mean()) / (spread if spread > 1e-6 else 1.0)
    return dict(zip([q.id for q in queries], scaled.tolist(), strict=True))
