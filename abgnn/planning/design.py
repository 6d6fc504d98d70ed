"""The calibration set: a random factorial design of rollouts over distinct queries."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from abgnn.errors import ConfigError
from abgnn.planning.designs import PlanSpace
from abgnn.query import Query
from abgnn.rollout.plan import Plan

SIZES = (0.2, 0.4, 0.3, 0.1)  # probability of 1, 2, 3, 4 agents
P_EDGE = 0.3


def calibration_plans(
    queries: Sequence[Query],
    space: PlanSpace,
    names: Sequence[str],
    rollouts: int = 320,
    seed: int = 0,
) -> list[Plan]:
    """Random committees: sizes, roles, a backbone for every agent, edges; all independent.

    Queries come in turn, so that as many distinct ones are asked as there are: distinct queries
    decide how well tokens are known. The same arguments give the same plans, and the plans of a
    smaller number of rollouts are the first ones of a larger.

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
    most = min(len(SIZES), len(space.slots))
    chance = np.array(SIZES[:most]) / sum(SIZES[:most])
    plans = []
    for k in range(rollouts):
        size = int(rng.choice(most, p=chance)) + 1
        picked = set(rng.choice(len(space.slots), size, replace=False).tolist())
        chosen = [slot for i, slot in enumerate(space.slots) if i in picked]
        backbones = [able[i] for i in rng.integers(len(able), size=size + 1)]
        full = space.shaped(chosen, "full")
        edges = tuple(e for e in full if rng.random() < P_EDGE)
        design = space.make(chosen, backbones[:size], edges, backbones[size])
        plans.append(design.plan(queries[k % len(queries)], space.template, names))
    return plans
