"""The calibration rollouts: a random factorial design over distinct queries."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice, product

import numpy as np

from abgnn.data.arrays import Index
from abgnn.data.plan import Plan
from abgnn.data.query import Query
from abgnn.errors import ConfigError
from abgnn.planning.design import Design, PlanSpace

P_ALL = 0.75  # of rollouts that ask every role
MOST = 6  # roles of a rollout
P_EDGE = 0.3


def calibration_plans(
    queries: Sequence[Query],
    space: PlanSpace,
    names: Sequence[str],
    rollouts: int = 320,
    seed: int = 0,
) -> list[Plan]:
    """Random committees: a backbone for every agent, edges, and who takes part; all independent.

    Three rollouts in four ask every role (six at random where there are more), each played by a
    random backbone: answers to one question compare backbones and roles without the question's
    own luck. The others ask fewer, of a random number from one, so that lone agents and short
    lists of messages are seen too. Queries come in turn, so that as many distinct ones are asked
    as there are: distinct queries decide how well tokens are known. Where one role answers, a
    query meets every backbone once before it meets one again. The same arguments give the same
    plans, and the plans of a smaller number of rollouts are the first ones of a larger.

    Args:
        queries: training questions.
        space: roles, admissible edges and backbones (pools are not respected: all mix).
        names: of the backbones.
        rollouts: plans to make.
        seed: of the design.
    """
    if rollouts < 0:
        raise ConfigError("rollouts", rollouts, "an integer from 0")
    if rollouts and not queries:
        raise ConfigError("queries", 0, "training questions with gold answers")
    rng = np.random.default_rng(seed)
    able = sorted({m for pool in space.pools for m in pool})
    most = min(MOST, len(space.slots))
    plans = []
    for k in range(rollouts):
        size = int(rng.integers(1, most)) if rng.random() >= P_ALL and most > 1 else most
        picked = set(rng.choice(len(space.slots), size, replace=False).tolist())
        chosen = [slot for i, slot in enumerate(space.slots) if i in picked]
        backbones = [able[i] for i in rng.integers(len(able), size=size + 1)]
        if most == 1:
            turn, place = divmod(k, len(queries))
            backbones[0] = able[_order(seed, place, len(able))[turn % len(able)]]
        full = space.shaped(chosen, "full")
        edges = tuple(e for e in full if rng.random() < P_EDGE)
        design = space.make(chosen, backbones[:size], edges, backbones[size])
        plans.append(design.plan(queries[k % len(queries)], space.template, names))
    return plans


def complete_plans(
    queries: Sequence[Query], space: PlanSpace, names: Sequence[str], rollouts: int
) -> list[Plan]:
    """Every LLM alone, in the role that answers alone, on as many queries as the rollouts allow.

    Answers of all LLMs to one query show which of them go together: what closed loops go by. The
    plans of fewer rollouts are the first ones of more.

    Args:
        queries: training questions, asked in their order.
        space: the template, and the backbones that take part.
        names: of the backbones.
        rollouts: plans to make; the last query may be left incomplete.

    Raises:
        ConfigError: more rollouts than queries × LLMs.
    """
    able = sorted({m for pool in space.pools for m in pool})
    most = len(queries) * len(able)
    if not 0 <= rollouts <= most:
        allowed = f"0 to {most}: each of {len(able)} LLMs answers each of {len(queries)} questions"
        raise ConfigError("rollouts", rollouts, allowed)
    lead = space.template.lead
    alone = [Design(((lead, m),), (), None) for m in able]
    pairs = islice(product(queries, alone), rollouts)
    return [design.plan(query, space.template, names) for query, design in pairs]


def _order(seed: int, place: int, backbones: int) -> Index:
    """In which the query at this place meets the backbones."""
    return np.random.default_rng((seed, place)).permutation(backbones)


def calls_per_rollout(roles: int) -> float:
    """LLM calls on average, of so many roles beside the decision agent; lone agents need none."""
    most = min(MOST, roles)
    if most == 1:
        return 1.0
    fewer = sum(size + (size > 1) for size in range(1, most)) / (most - 1)
    return P_ALL * (most + 1) + (1 - P_ALL) * fewer
