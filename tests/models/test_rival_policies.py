"""What closed loops are compared with, as policies: planned from the same calibration."""

from __future__ import annotations

import numpy as np
import pytest

from abgnn.errors import ConfigError
from abgnn.models import CascadeRouting, FixedCascade, LoneProgram, Policy
from abgnn.models.programs import CascadeProgram, CascadeRoutingProgram, StarProgram
from abgnn.planning import Budget, LoopPlan
from abgnn.planning.closed_loop.cascades import Cascade
from abgnn.training.evaluate import evaluate
from tests.planning.closed_loop.calibrations import THREE, calibration, data, mas, module

COST = 1.5e-4
DATA = data()
ASKED = DATA.queries("test")[:30]
DEAR_FIRST = Cascade((2, 0), (0.9,))


@pytest.fixture(scope="module")
def plan() -> LoopPlan:
    return LoopPlan.of(calibration(), Budget())


def programs(policy: Policy) -> list[object]:
    policy.attach(mas().table)
    assert not list(policy.parameters())  # nothing is learned
    return [made.program for made in policy(mas().batch(ASKED), sample=False).plans()]


def test_a_cascade_has_one_order_and_its_thresholds_for_all(plan: LoopPlan) -> None:
    policy = FixedCascade(plan, DEAR_FIRST)
    made = programs(policy)
    assert all(isinstance(p, CascadeProgram) and p.thresholds == (0.9,) for p in made)
    plans = policy(mas().batch(ASKED), sample=False).plans()
    assert {tuple(a.backbone for a in p.agents) for p in plans} == {(THREE[2], THREE[0])}
    accuracies = {p.accuracy for p in made if isinstance(p, CascadeProgram)}
    assert len(accuracies) > 1  # how likely an answer is right depends on the question
    assert plan.loop.chosen[""] != (2, 0)  # the plan itself is as it was


def test_cascade_routing_goes_by_its_own_prices(plan: LoopPlan) -> None:
    made = programs(CascadeRouting(plan, Budget(COST)))
    assert all(isinstance(p, CascadeRoutingProgram) for p in made)
    prices = {(p.lambda_tok, p.later) for p in made if isinstance(p, CascadeRoutingProgram)}
    assert len(prices) == 1
    assert min(prices)[0] > 0


def test_they_are_carried_out_and_spend_about_the_budget(plan: LoopPlan) -> None:
    rivals: list[Policy] = [
        FixedCascade(plan, DEAR_FIRST),
        CascadeRouting(plan, Budget(COST)),
        LoneProgram(THREE, StarProgram(3)),
    ]
    calls, costs = [], []
    for policy in rivals:
        with module().new_executor(DATA) as executor:
            outcomes = evaluate(policy, mas(), executor, ASKED, first_sample=7)
        assert all(o.error is None for o in outcomes)
        calls.append({len(o.calls) for o in outcomes})
        costs.append(np.mean([o.cost for o in outcomes]))
    assert calls[0] <= {1, 2}
    assert calls[1] <= {1, 2, 3}
    assert calls[2] == {3}
    assert costs[1] < 1.5 * COST


def test_an_llm_that_the_catalogue_lacks_is_named() -> None:
    with pytest.raises(ConfigError, match=r"policy\.backbones"):
        LoneProgram(["nobody"], StarProgram(1)).attach(mas().table)
