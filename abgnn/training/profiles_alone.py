"""`profiles_alone`: a calibration without calls."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from abgnn.data.query import Query
from abgnn.difficulty.scale import standard_difficulty
from abgnn.errors import ConfigError
from abgnn.graph.base_mas import BaseMAS
from abgnn.models.questions import questions_of
from abgnn.planning.calibration import Calibration, pools_of
from abgnn.planning.observations import Observations
from abgnn.planning.prior import Prior
from abgnn.planning.questions import kind_entry


def profiles_alone(mas: BaseMAS, queries: Sequence[Query], by: str | None = None) -> Calibration:
    """A calibration without rollouts: profiles, roles, pools, and the mix of the questions.

    Args:
        mas: catalogue and template.
        queries: training questions.
        by: entry of their `meta` by whose values plans may differ; None: mixtures are for all
            questions alike, and plans by question use what `kind_entry` finds.
    """
    difficulty = standard_difficulty(mas, queries)
    kinds, group = kinds_of(queries, by)
    nothing = Observations.none(np.array(list(difficulty.values())), np.array(list(group.values())))
    profile, pools = Prior.of(mas.catalogue, mas.domain), pools_of(mas.pools.members)
    questions = questions_of(mas, queries, kind_entry(queries) if by is None else by)
    return Calibration(
        "profiles only", mas.domain, profile, mas.template, pools, nothing, 0, 0.0,
        mas.catalogue.priced, by, kinds, questions, mas.role_embed.double().numpy(),
        mas.encode.model,
    )  # fmt: skip


def kinds_of(queries: Sequence[Query], by: str | None) -> tuple[tuple[str, ...], dict[str, int]]:
    """Names of the kinds of questions, and query id → kind."""
    if by is None:
        return ("",), {q.id: 0 for q in queries}
    for query in queries:
        if by not in query.meta:
            raise ConfigError("--by", by, f"an entry of every question's meta: {list(query.meta)}")
    kinds = tuple(sorted({str(q.meta[by]) for q in queries}))
    return kinds, {q.id: kinds.index(str(q.meta[by])) for q in queries}
