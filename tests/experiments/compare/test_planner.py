"""The planner as a row of a comparison."""

from __future__ import annotations

from collections import Counter

import pytest

from abgnn.evaluation.rows import summarise
from abgnn.experiments.compare.config import Comparison
from abgnn.experiments.compare.planner import planned_policies
from abgnn.experiments.experiment import Experiment
from abgnn.models.planned import PlannedMixture
from abgnn.training.evaluate import evaluate


@pytest.mark.parametrize("calls", [0, 300])
def test_one_calibration_and_a_plan_for_every_budget(simulated: Experiment, calls: int) -> None:
    made, policies = planned_policies(simulated, calls, [5e-4, 2e-3], [20.0], 0)
    assert made == pytest.approx(calls, rel=0.15)
    planned = ["cheapest", "0.35 mUSD", "0.5 mUSD", "2 mUSD", "14 s", "20 s", "no budget"]
    assert [name for name, _ in policies] == planned
    data, model = simulated.data, simulated.model
    data.setup("test")
    with model.new_executor(data) as executor:
        rows = [
            summarise(name, evaluate(policy, model.mas, executor, data.queries("test")))
            for name, policy in policies
        ]
    by_name = {row.name: row for row in rows}
    assert by_name["cheapest"].cost_usd == min(row.cost_usd for row in rows)
    assert by_name["0.5 mUSD"].cost_usd < 1.4 * 5e-4
    assert by_name["2 mUSD"].cost_usd < 1.4 * 2e-3
    assert by_name["20 s"].latency_s < 1.4 * 20
    assert by_name["no budget"].performance > 0.8


def test_shares_hold_over_queries_and_a_query_keeps_its_plan(simulated: Experiment) -> None:
    _, ((_, policy), *_) = planned_policies(simulated, 0, [5e-4], [], 0, blind=True)
    assert isinstance(policy, PlannedMixture)
    mas, queries = simulated.model.mas, simulated.data.load()
    policy.attach(mas.table)
    batch = mas.batch(queries)
    plans = policy(batch, sample=True).plans()
    assert policy(batch, sample=False).plans() == plans
    drawn = Counter(tuple(a.backbone for a in plan.agents) for plan in plans)
    for part in policy.plan_file.parts:
        names = [backbone for _, backbone in part.agents]
        key = tuple(names if part.decision is None else [*names, part.decision])
        assert drawn[key] / len(plans) == pytest.approx(part.share, abs=0.12)


def test_packaged_comparisons_have_it_with_and_without_calls() -> None:
    for domain in ("general", "math", "code"):
        methods = Comparison.from_yaml(f"compare/simulated-{domain}.yaml").methods
        found = {m.name: m.train_calls for m in methods if m.plain == "planner"}
        assert found == {"planner": None, "planner, profiles alone": 0}
