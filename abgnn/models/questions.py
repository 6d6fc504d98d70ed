"""Questions as beliefs read them: encoded, with what the packaged head says of their difficulty."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

from abgnn.data.query import Query
from abgnn.graph.base_mas import BaseMAS
from abgnn.nn.difficulty_head import DifficultyHead
from abgnn.planning.questions import Questions


def questions_of(mas: BaseMAS, queries: Sequence[Query], by: str | None = None) -> Questions:
    """Encode queries.

    Args:
        mas: whose encoder it is.
        queries: Q of them.
        by: entry of `Query.meta` that names the kind of a question.
    """
    return embedded(queries, mas.encode([query.text for query in queries]), mas.encode.model, by)


@torch.no_grad()
def embedded(
    queries: Sequence[Query], embed: Tensor, encoder: str, by: str | None = None
) -> Questions:
    """Queries that are encoded already, `[Q, H]`; difficulty is 0 for another encoder than the
    packaged head's."""
    from abgnn.difficulty.packaged import PACKAGED_ENCODER  # with Lightning, if needed at all

    difficulty = None
    if encoder == PACKAGED_ENCODER and len(queries):
        difficulty = -_head().ease_logit(embed.float().cpu()).double().numpy()
    return Questions.of(queries, embed.double().cpu().numpy(), difficulty, by)


def distinct(queries: Sequence[Query]) -> tuple[list[int], list[int]]:
    """First place of every different query, and which of them each is."""
    known: dict[str, int] = {}
    first: list[int] = []
    place = []
    for i, query in enumerate(queries):
        if query.id not in known:
            known[query.id] = len(first)
            first.append(i)
        place.append(known[query.id])
    return first, place


@cache
def _head() -> DifficultyHead:
    from abgnn.difficulty.packaged import packaged_head

    return packaged_head().eval()
