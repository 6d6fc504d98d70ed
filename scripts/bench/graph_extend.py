"""A calibration that is extended: LLMs that were not there, with a few questions of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np
from graph_taught import Setting

from abgnn.data.plan import Agent, Plan
from abgnn.planning.calibration import Calibration
from abgnn.planning.design import Design
from abgnn.planning.observations import Observations, observe
from abgnn.training.profiles_alone import profiles_alone

_SAMPLE = 500_000


def extended(setting: Setting, known: Calibration, new: Sequence[str], each: int) -> Calibration:
    """What was observed of other LLMs, and lone calls of the new ones.

    Args:
        setting: of all LLMs.
        known: of the others, on the same training questions.
        new: names.
        each: calls of each, one role after another.
    """
    mas, data = setting.mas, setting.data
    queries = data.queries("train")
    blank = profiles_alone(mas, queries, known.by)
    place = np.array([mas.catalogue.index(name) for name in known.profile.names])
    old = replace(known.observed, backbone=place[known.observed.backbone])
    roles = [role for i, role in enumerate(mas.template.roles) if i != mas.template.decision]
    plans = [
        Plan.team(queries[k % len(queries)], (Agent(roles[k % len(roles)], name),))
        for name in new
        for k in range(each)
    ]
    if not plans:
        return replace(blank, observed=old, rollouts=known.rollouts, label=known.label)
    with setting.module(setting.anyone()).new_executor(data) as executor:
        outcomes = executor.run(plans, samples=[_SAMPLE + k for k in range(len(plans))])
    ids = [query.id for query in queries]
    hard = dict(zip(ids, known.observed.difficulty.tolist(), strict=True))
    kind = dict(zip(ids, known.observed.group.tolist(), strict=True))
    more = observe(outcomes, data, blank.profile, mas.template, hard, kind)
    return replace(blank, observed=joined(old, more), rollouts=known.rollouts, label=known.label)


def joined(one: Observations, two: Observations) -> Observations:
    """The calls of both, on the same questions."""
    whole = ("difficulty", "group")
    calls = {
        f.name: np.concatenate([getattr(one, f.name), getattr(two, f.name)])
        for f in fields(one)
        if f.name not in whole
    }
    return replace(one, **calls)


def renumbered(design: Design, names: Sequence[str], among: Sequence[str]) -> Design:
    """A design whose LLMs are counted in another list."""
    place = {m: list(among).index(name) for m, name in enumerate(names) if name in among}
    decision = None if design.decision is None else place[design.decision]
    return Design(tuple((slot, place[m]) for slot, m in design.agents), design.edges, decision)
