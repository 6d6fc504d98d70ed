"""Oracles over a library of plans, which look at the test questions: upper limits.

No method may do that; these rows of a comparison show how much could be gained. They choose by
rollouts of their own and are judged on others, so that a lucky rollout does not count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch_geometric.data import Batch

from abgnn.data.arrays import Array
from abgnn.evaluation.frontier import upper_envelope
from abgnn.experiments.compare.controls import BEST_FIXED
from abgnn.experiments.experiment import Experiment
from abgnn.models.decision import PlannedChoice
from abgnn.models.policy import Policy
from abgnn.planning.design import Design, PlanSpace

_FIRST, _SAMPLES = 2_000_000, 3  # rollouts that oracles choose by
_PRICES = 10  # operating points of the clairvoyant, per axis


class Assigned(Policy):
    """A design for every question, by its id.

    Args:
        designs: query id → design.
    """

    def __init__(self, designs: Mapping[str, Design]) -> None:
        super().__init__()
        self.designs = dict(designs)

    def forward(self, batch: Batch, *, sample: bool) -> PlannedChoice:
        pairs = zip(batch.query, batch.template, strict=True)
        plans = [self.designs[q.id].plan(q, t, self.table.names) for q, t in pairs]
        zeros = torch.zeros(len(plans), 1)
        return PlannedChoice(plans, ("plan",), zeros, zeros)


def oracle_policies(kind: str, experiment: Experiment) -> list[tuple[str, Policy]]:
    """Points of an oracle's frontier, chosen on the test questions.

    The library: every backbone alone in every role, and in every two roles with the decision agent,
    with and without messages between the two.

    - `best fixed plans (oracle)`: the designs on the upper envelope of score against cost, or
      against latency.
    - `clairvoyant (oracle)`: for every question the design of the highest mean score less the price
      of what it uses, at ten prices of dollars and ten of seconds.
    """
    mas = experiment.model.mas
    ids = [query.id for query in experiment.data.queries("test")]
    everything = (tuple(range(len(mas.catalogue))),)
    designs = list(PlanSpace(mas.template, everything).library(most=2))
    seen = _seen(experiment, designs)  # [D, Q, 3]
    if kind == BEST_FIXED:
        return [
            (designs[d].describe(mas.template, mas.catalogue.names), _same(designs[d], ids))
            for d in envelope_of(seen.mean(1))
        ]
    seen[:, :, 0] = shrunk(seen[:, :, 0], _SAMPLES)
    points: list[tuple[str, Policy]] = []
    for name, axis in (("dollars", 1), ("seconds", 2)):
        for k, best in enumerate(clairvoyant_choices(seen, axis), 1):
            chosen = {q: designs[d] for q, d in zip(ids, best, strict=True)}
            points.append((f"price {k} of {name}", Assigned(chosen)))
    return points


def envelope_of(means: Array) -> list[int]:
    """Which of D points (score, USD, seconds) `[D, 3]` are on either envelope."""
    vertices: set[int] = set()
    for axis in (1, 2):
        points = means[:, [axis, 0]]
        for vertex in upper_envelope(points):
            vertices.add(int(np.flatnonzero((points == vertex).all(1))[0]))
    return sorted(vertices)


def shrunk(score: Array, samples: int, weight: float = 2.0) -> Array:
    """Mean scores `[D, Q]` shrunk to the means of design and question: few rollouts may be luck."""
    prior = score.mean(1, keepdims=True) + score.mean(0, keepdims=True) - score.mean()
    made: Array = (samples * score + weight * prior.clip(0, 1)) / (samples + weight)
    return made


def clairvoyant_choices(seen: Array, axis: int, prices: int = _PRICES) -> list[list[int]]:
    """The best design of each question at rising prices of an axis; `seen` is `[D, Q, 3]`."""
    use = seen[:, :, axis]
    typical = float(np.median(use.mean(1)))
    grid = np.geomspace(1e-3, 3, prices) / typical
    return [(seen[:, :, 0] - price * use).argmax(0).tolist() for price in grid]


def _same(design: Design, ids: Sequence[str]) -> Assigned:
    return Assigned(dict.fromkeys(ids, design))


def _seen(experiment: Experiment, designs: Sequence[Design]) -> Array:
    """Mean score, USD, seconds of every design on every test question, `[D, Q, 3]`."""
    model, queries = experiment.model, experiment.data.queries("test")
    names, template = model.mas.catalogue.names, model.mas.template
    samples = [_FIRST + k for _ in queries for k in range(_SAMPLES)]
    rows = []
    with model.new_executor(experiment.data) as executor:
        executor.check()
        for design in designs:
            plans = [design.plan(q, template, names) for q in queries for _ in range(_SAMPLES)]
            outcomes = executor.run(plans, samples=samples, phase="calibrate")
            triples = np.array([(o.score, o.cost, o.latency) for o in outcomes])
            rows.append(triples.reshape(len(queries), _SAMPLES, 3).mean(1))
    return np.stack(rows)
