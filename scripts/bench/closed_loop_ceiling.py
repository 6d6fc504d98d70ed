"""What closed_loop could reach with nearly everything known: bounds to read its gains against."""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
from closed_loop_judged import INNER, Judged
from closed_loop_methods import Made, Recorded
from matched_cost import choose, mix_to_budget, price_of_cost, shrunk_means

from abgnn.data.arrays import Array
from abgnn.planning.closed_loop.answer_table import NO_KEY
from abgnn.planning.closed_loop.closed_loop import ClosedLoop
from abgnn.planning.closed_loop.replay import price_of_budget


def ceilings(known: Recorded) -> tuple[dict[str, Judged], list[Array]]:
    """A loop and a router that know all questions but the one they answer, at prices that spend the
    budgets on these very questions; and the best mixture of asking two LLMs and a third where they
    differ, chosen on these very questions. All of a table's questions are judged."""
    means = known.table.usd.mean(0)
    budgets = np.linspace(means.min(), means.max(), INNER + 2)[1:]
    loop = ClosedLoop.fit(known.real.questions, known.table)
    made = {
        "closed loop, of all other questions": _replayed(loop, budgets),
        "router of the same beliefs": _routed(loop, known, budgets),
    }
    if len(known.table.llms) > 2:
        made["two, a third where they differ, in hindsight"] = _in_hindsight(known, budgets)
    everyone = np.arange(len(known.table))
    return {name: Judged([everyone], [each]) for name, each in made.items()}, [budgets]


def _replayed(loop: ClosedLoop, budgets: Array) -> Made:
    prices = [price_of_budget(loop.replay, float(budget), aim=1.0) for budget in budgets]
    runs = [loop.replay(price) for price in prices]
    return np.stack([run.right for run in runs]), np.stack([run.usd for run in runs])


def _routed(loop: ClosedLoop, known: Recorded, budgets: Array) -> Made:
    tasks = known.table.tasks
    believed = loop.left_out, shrunk_means(known.real.cost, tasks, tasks, 1.0)
    routings = [choose(*believed, price_of_cost(*believed, float(b))) for b in budgets]
    made = np.stack([(routing * known.real.score).sum(1) for routing in routings])
    return made, np.stack([(routing * known.real.cost).sum(1) for routing in routings])


def _in_hindsight(known: Recorded, budgets: Array) -> Made:
    """Also single LLMs, and another LLM where one gave no key."""
    score, cost, keys = known.real.score.T, known.real.cost.T, known.table.keys.T
    llms = range(len(score))
    ways = [(score[m], cost[m]) for m in llms]
    for i, j in permutations(llms, 2):
        none = keys[i] == NO_KEY
        ways.append((np.where(none, score[j], score[i]), cost[i] + none * cost[j]))
    for i, j in combinations(llms, 2):
        agree = (keys[i] == keys[j]) & (keys[i] != NO_KEY)
        ways += [
            (np.where(agree, score[i], score[k]), cost[i] + cost[j] + ~agree * cost[k])
            for k in sorted(set(llms) - {i, j})
        ]
    right, usd = (np.stack(of) for of in zip(*ways, strict=True))  # [W, Q] each
    mean = right.mean(1)[None], usd.mean(1)[None]
    mixed = np.stack([mix_to_budget(*mean, *mean, float(b))[0] for b in budgets])  # [B, W]
    return mixed @ right, mixed @ usd
