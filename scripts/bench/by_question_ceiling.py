"""What by_question could reach if nothing had to be learned: the world says how good teams are."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from statistics import mean

import numpy as np
from graph_truth import Truth
from over_worlds import plus_minus, table_of
from rich.table import Table

from abgnn.data.arrays import Array
from abgnn.data.query import Query
from abgnn.evaluation.frontier import performance_at
from abgnn.graph.base_mas import BaseMAS
from abgnn.planning.design import Design
from abgnn.rollout.world.study import World

PRICES = np.geomspace(0.1, 1e5, 120)  # accuracy per USD
TOPIC, FORM, ALL = "subject and topic known", "form known as well", "all known but luck"


def gains(
    seed: int,
    mas: BaseMAS,
    queries: Sequence[Query],
    designs: Sequence[Design],
    budgets: Sequence[float],
) -> dict[str, Array]:
    """Points over the best mixture of the same designs at each budget, by what is known of a
    question. In code a text tells the topic, and nothing tells the form."""
    place = World(seed)
    truth = Truth(place, mas.catalogue, mas.template, queries, draws=128)
    accuracy = np.stack([truth.accuracy(design) for design in designs], 1)
    usd = np.stack([truth.usd(design) for design in designs], 1)
    where = [place.draws.latents(query).place for query in queries]
    known: dict[str, Sequence[Hashable]] = {
        TOPIC: [of[:2] for of in where],
        FORM: where,
        ALL: range(len(queries)),
    }
    blind = reached(accuracy, usd, [0] * len(queries), budgets)
    return {
        name: 100 * (reached(accuracy, usd, groups, budgets) - blind)
        for name, groups in known.items()
    }


def reached(
    accuracy: Array, usd: Array, groups: Sequence[Hashable], budgets: Sequence[float]
) -> Array:
    """The best accuracy within budgets if a question's design may depend on its group, `[J]`.

    Args:
        accuracy, usd: of D designs on Q questions `[Q, D]`.
        groups: of the questions; designs are known by their means over these.
        budgets: mean USD per question; a coin may decide between two prices.
    """
    numbers = {group: i for i, group in enumerate(dict.fromkeys(groups))}
    member = np.zeros((len(numbers), len(accuracy)))
    member[[numbers[group] for group in groups], np.arange(len(accuracy))] = 1
    share = member.mean(1)
    gain, bill = ((member @ x) / member.sum(1, keepdims=True) for x in (accuracy, usd))
    points = []
    for price in PRICES:
        best = (gain - price * bill).argmax(1)[:, None]
        points.append([share @ np.take_along_axis(x, best, 1)[:, 0] for x in (bill, gain)])
    return np.array([performance_at(points, budget, anchor=False) for budget in budgets])


def ceiling_table(cells: Sequence[dict[str, Array]], domain: str) -> Table:
    """Means over worlds, mean of the budgets, ± 95 %."""
    title = f"{domain}, {len(cells)} simulated worlds: points over the best mixture of teams"
    table = table_of(title, ["if accuracies and costs were", "points"])
    for name in cells[0]:
        table.add_row(name, plus_minus([mean(cell[name].tolist()) for cell in cells]))
    return table
