"""Which held-out query is asked with which part of a mixture, so that rare parts are seen too."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from abgnn.data.plan import Plan
from abgnn.data.query import Query
from abgnn.data.template import Template
from abgnn.evaluation.strata import Strata
from abgnn.planning.plan_file import NamedDesign, PlanFile, place_of

_FEWEST = 12  # queries for every part, as far as there are enough
_LEAST = 4  # a cell with fewer queries for each of its parts is drawn as in use


def spread_plans(
    plan: PlanFile, queries: Sequence[Query], template: Template, samples: int = 1, seed: int = 0
) -> tuple[list[Plan], Strata]:
    """The plans of `spread`, each `samples` times in a row."""
    designs, strata = spread(plan, queries, seed)
    made = [d.plan(q, template) for q, d in zip(queries, designs, strict=True)]
    return [p for p in made for _ in range(samples)], strata


def spread(
    plan: PlanFile, queries: Sequence[Query], seed: int = 0
) -> tuple[list[NamedDesign], Strata]:
    """The design of every query, and the strata that the certificate weights them by.

    Queries go to parts by their known shares, but every part gets twelve (an even share where
    there are fewer): a dear part for 3 % of the queries would else often be missed, and the mean
    with it. Where kinds of questions have mixtures of their own, this is done kind by kind; kinds
    with one design, or with fewer than four questions for each, are drawn as in use.
    """
    able = {query.id: plan.drawn_from(query) for query in queries}
    cells: dict[tuple[NamedDesign, ...], list[Query]] = {}
    for query in queries:
        cells.setdefault(able[query.id], []).append(query)
    design = {query.id: plan.part_of(query, seed) for query in queries}
    part = {query.id: ("", "") for query in queries}
    shares = {"": {"": 1.0}}
    for k, (parts, inside) in enumerate(cells.items()):
        if len(parts) < 2 or len(inside) < _LEAST * len(parts):
            continue
        of_part = np.array([p.share for p in parts]) / sum(p.share for p in parts)
        cell, names = f"cell {k}", [f"part {i}" for i in range(len(parts))]
        shares[cell] = dict(zip(names, of_part.tolist(), strict=True))
        ranked = sorted(inside, key=lambda q: place_of(q, seed))
        places = np.repeat(np.arange(len(parts)), counts(of_part.tolist(), len(ranked)))
        for query, i in zip(ranked, places.tolist(), strict=True):
            design[query.id], part[query.id] = parts[i], (cell, names[i])
    if all(cell for cell, _ in part.values()):
        del shares[""]
    return [design[query.id] for query in queries], Strata(part, shares)


def counts(shares: Sequence[float], n: int) -> list[int]:
    """How many of n queries each part gets."""
    least = min(_FEWEST, n // len(shares))
    many = [max(least, round(share * n)) for share in shares]
    while sum(many) != n:
        step = 1 if sum(many) < n else -1
        able = [i for i, m in enumerate(many) if m + step >= least]
        worst = max(able, key=lambda i: step * (shares[i] * n - many[i]))
        many[worst] += step
    return many
