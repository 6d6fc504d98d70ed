"""`operating_points`: what a policy with λ's as an input costs and reaches at many of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch

from abgnn.data.arrays import Array
from abgnn.data.plan import Plan
from abgnn.data.query import Query
from abgnn.data.template import Template
from abgnn.graph.base_mas import BaseMAS
from abgnn.models.policy import Policy
from abgnn.planning.by_question import QuestionPlanner
from abgnn.planning.design import Design
from abgnn.planning.question_calls import Seen
from abgnn.training.course import Pair

_TOK, _LAT = (0.3, 3000.0), (1e-4, 0.3)  # λ's that are looked at
_COARSE, _BOTH, _MORE = 16, 6, 32
_STEP, _NARROW = 1.06, 1.001  # neighbours whose bills differ by no more are near enough; so are λ's


@torch.no_grad()
def operating_points(
    policy: Policy,
    mas: BaseMAS,
    planner: QuestionPlanner,
    queries: Sequence[Query],
    seen: Seen,
) -> list[list[float]]:
    """λ_tok, λ_lat, and what the planner expects of a policy's most probable plans there, in the
    mean over the questions: accuracy, USD, seconds.

    Along prices of dollars alone and of seconds alone the grid is refined where the bill jumps, as
    many questions then change their plans within a narrow range.
    """
    judged = _Judged(policy, mas, planner, queries, seen)
    out = [judged((0.0, 0.0))]
    for axis, span in enumerate((_TOK, _LAT)):
        rows = [judged(_on(axis, price)) for price in np.geomspace(*span, _COARSE)]
        for _ in range(_MORE):
            jump = [max(a[3 + axis] / b[3 + axis], 1.0) for a, b in pairwise(rows)]
            wide = [b[axis] / a[axis] > _NARROW for a, b in pairwise(rows)]
            k = int(np.argmax(np.where(wide, jump, 0.0)))
            if not wide[k] or jump[k] < _STEP:
                break
            between = float(np.sqrt(rows[k][axis] * rows[k + 1][axis]))
            rows.insert(k + 1, judged(_on(axis, between)))
        out += rows
    both = [(a, b) for a in np.geomspace(*_TOK, _BOTH) for b in np.geomspace(*_LAT, _BOTH)]
    return out + [judged((float(a), float(b))) for a, b in both]


class _Judged:
    """What a policy chooses at λ's, as the planner sees it; each design is forecast once."""

    def __init__(
        self,
        policy: Policy,
        mas: BaseMAS,
        planner: QuestionPlanner,
        queries: Sequence[Query],
        seen: Seen,
    ) -> None:
        self.policy, self.planner, self.seen = policy, planner, seen
        self.batch = mas.batch(queries).to(next(policy.parameters()).device)
        self._known: dict[Design, Array] = {}  # accuracy, USD, seconds, `[3, Q]`

    def __call__(self, point: Pair) -> list[float]:
        self.policy.set_tradeoff(*point)
        plans = self.policy(self.batch, sample=False).plans()
        template, names = self.planner.template, self.planner.backbones
        designs = [design_of(plan, template, names) for plan in plans]
        new = [design for design in dict.fromkeys(designs) if design not in self._known]
        if new:
            made = self.planner.forecasts_on(self.seen, new)
            parts = np.stack([made.accuracy, made.usd, made.seconds])  # [3, Q, D]
            self._known.update({design: parts[:, :, d] for d, design in enumerate(new)})
        means = np.mean([self._known[design][:, i] for i, design in enumerate(designs)], axis=0)
        return [*point, *means.tolist()]


def _on(axis: int, price: float) -> Pair:
    return (float(price), 0.0) if axis == 0 else (0.0, float(price))


def design_of(plan: Plan, template: Template, names: Sequence[str]) -> Design:
    """The design that a plan carries out: as if its decision agent read all others."""
    slots = {role.name: slot for slot, role in enumerate(template.roles)}
    cast = [(slots[agent.role.name], list(names).index(agent.backbone)) for agent in plan.agents]
    decision = next((m for slot, m in cast if slot == template.decision and len(cast) > 1), None)
    agents = [(slot, m) for slot, m in cast if decision is None or slot != template.decision]
    inside = {slot for slot, _ in agents}
    edges = [(cast[u][0], cast[v][0]) for u, v in plan.edges]
    kept = tuple(sorted((u, v) for u, v in edges if u in inside and v in inside))
    return Design(tuple(agents), kept, decision)
