"""Oracles over plans that are searched on the test questions themselves: upper limits.

No method may do that; these rows of a comparison show how much could be gained. They choose by
rollouts of their own and are judged on others, so that a lucky rollout does not count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch_geometric.data import Batch

from abgnn.data.arrays import Array
from abgnn.experiments.compare.controls import BEST_FIXED
from abgnn.experiments.compare.points import on_a_frontier
from abgnn.experiments.experiment import Experiment
from abgnn.models.decision import PlannedChoice
from abgnn.models.policy import Policy
from abgnn.planning.design import Design, PlanSpace

_FIRST, _SAMPLES = 2_000_000, 3  # rollouts that oracles choose by
_PRICES = 10  # operating points of the clairvoyant, per axis
_CLIMBS, _STEPS = 4, 4  # prices per axis that the search for fixed plans starts at; its steps
_FINALISTS = 4  # per price, that are judged by further rollouts


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

    Both look at a library: every backbone alone in every role, and in every two roles with the
    decision agent, with and without messages between the two.

    - `best fixed plans (oracle)`: one plan for all questions, of any backbones together: see
      `best_fixed`.
    - `clairvoyant (oracle)`: for every question the design of the library of the highest mean score
      less the price of what it uses, at ten prices of dollars and ten of seconds.
    """
    mas = experiment.model.mas
    ids = [query.id for query in experiment.data.queries("test")]
    space = PlanSpace(mas.template, (tuple(range(len(mas.catalogue))),))
    if kind == BEST_FIXED:
        return [
            (design.describe(mas.template, mas.catalogue.names), _same(design, ids))
            for design in best_fixed(experiment, space)
        ]
    with Trials(experiment, _SAMPLES) as trials:
        trials.judge(list(space.library(most=2)))
        designs, seen = trials.seen()
    seen[:, :, 0] = shrunk(seen[:, :, 0], _SAMPLES)
    points: list[tuple[str, Policy]] = []
    for name, axis in (("dollars", 1), ("seconds", 2)):
        for k, best in enumerate(clairvoyant_choices(seen, axis), 1):
            chosen = {q: designs[d] for q, d in zip(ids, best, strict=True)}
            points.append((f"price {k} of {name}", Assigned(chosen)))
    return points


def best_fixed(experiment: Experiment, space: PlanSpace) -> list[Design]:
    """The designs that are best for all questions alike, at some price of dollars or seconds.

    From the best of the library at several prices one change at a time (a role, a backbone, an
    edge) while it pays, by one rollout of each question; those that were near the best at any price
    are judged by further rollouts, and what is on either upper envelope is kept.
    """
    with Trials(experiment, 1) as trials:
        trials.judge(list(space.library(most=2)))
        for axis in (1, 2):
            for price in prices_of(trials.means(), axis, _CLIMBS):
                climb(space, trials, axis, price)
        near = finalists(trials.means())
        designs, _ = trials.seen()
    with Trials(experiment, _SAMPLES, first=_FIRST + 1) as trials:
        means = trials.judge([designs[d] for d in near])
    return [designs[near[d]] for d in on_a_frontier(means)]


def finalists(means: Array, each: int = _FINALISTS, prices: int = _PRICES) -> list[int]:
    """Indices of the best few designs `[D, 3]` at every price of both axes."""
    chosen: set[int] = set()
    for axis in (1, 2):
        for price in prices_of(means, axis, prices):
            chosen.update(np.argsort(price * means[:, axis] - means[:, 0])[:each].tolist())
    return sorted(chosen)


class Trials:
    """Designs carried out on the test questions, each once; to be used in a `with`.

    Args:
        experiment: whose world and test questions.
        samples: rollouts of each question.
        first: number of the first of them.
    """

    def __init__(self, experiment: Experiment, samples: int, first: int = _FIRST) -> None:
        model, self.samples, self.first = experiment.model, samples, first
        self.queries = experiment.data.queries("test")
        self.names, self.template = model.mas.catalogue.names, model.mas.template
        self.executor = model.new_executor(experiment.data)
        self._seen: dict[Design, Array] = {}  # [Q, 3]

    def __enter__(self) -> Trials:
        self.executor.__enter__().check()
        return self

    def __exit__(self, *error: object) -> None:
        self.executor.close()

    def judge(self, designs: Sequence[Design]) -> Array:
        """Mean score, USD and seconds of designs over all questions, `[D, 3]`."""
        samples = [self.first + k for _ in self.queries for k in range(self.samples)]
        for design in designs:
            if design not in self._seen:
                plans = [
                    design.plan(q, self.template, self.names)
                    for q in self.queries
                    for _ in range(self.samples)
                ]
                outcomes = self.executor.run(plans, samples=samples, phase="calibrate")
                triples = np.array([(o.score, o.cost, o.latency) for o in outcomes])
                self._seen[design] = triples.reshape(-1, self.samples, 3).mean(1)
        return np.stack([self._seen[design].mean(0) for design in designs])

    def means(self) -> Array:
        """Of all designs so far, `[D, 3]`."""
        return np.stack([seen.mean(0) for seen in self._seen.values()])

    def seen(self) -> tuple[list[Design], Array]:
        """All designs so far, and score, USD, seconds by design and question `[D, Q, 3]`."""
        return list(self._seen), np.stack(list(self._seen.values()))


def climb(space: PlanSpace, trials: Trials, axis: int, price: float) -> Design:
    """From the best design so far to the best neighbour, while that is better, at a price of use.

    Args:
        space: which designs are neighbours.
        trials: what was seen so far; what is tried is added.
        axis: 1, dollars, or 2, seconds.
        price: score lost per unit of it.
    """

    def worth(means: Array) -> Array:
        made: Array = means[:, 0] - price * means[:, axis]
        return made

    designs, _ = trials.seen()
    ranked = worth(trials.means())
    best, value = designs[int(ranked.argmax())], float(ranked.max())
    for _ in range(_STEPS):
        near = list(dict.fromkeys(space.neighbours(best)))
        found = worth(trials.judge(near)) if near else np.array([-np.inf])
        if found.max() <= value:
            return best
        best, value = near[int(found.argmax())], float(found.max())
    return best


def prices_of(means: Array, axis: int, number: int) -> list[float]:
    """Prices of an axis from low to high, given designs' means `[D, 3]`."""
    grid: list[float] = (np.geomspace(1e-3, 3, number) / float(np.median(means[:, axis]))).tolist()
    return grid


def shrunk(score: Array, samples: int, weight: float = 2.0) -> Array:
    """Mean scores `[D, Q]` shrunk to the means of design and question: few rollouts may be luck."""
    prior = score.mean(1, keepdims=True) + score.mean(0, keepdims=True) - score.mean()
    made: Array = (samples * score + weight * prior.clip(0, 1)) / (samples + weight)
    return made


def clairvoyant_choices(seen: Array, axis: int, prices: int = _PRICES) -> list[list[int]]:
    """The best design of each question at rising prices of an axis; `seen` is `[D, Q, 3]`."""
    grid = prices_of(seen.mean(1), axis, prices)
    use = seen[:, :, axis]
    return [(seen[:, :, 0] - price * use).argmax(0).tolist() for price in grid]


def _same(design: Design, ids: Sequence[str]) -> Assigned:
    return Assigned(dict.fromkeys(ids, design))
