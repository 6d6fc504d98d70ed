"""`PlannedLoops`: loops of a plan as a policy, carried out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from abgnn.data import Query
from abgnn.data.program import program_from_dict, program_to_dict
from abgnn.errors import ConfigError
from abgnn.models import PlannedLoops
from abgnn.models.programs import ClosedLoopProgram
from abgnn.planning import Budget, LoopPlan
from abgnn.training.evaluate import evaluate
from tests.planning.closed_loop.calibrations import THREE, calibration, data, mas, module

COST = 1.5e-4
DATA = data()


@pytest.fixture(scope="module")
def plan() -> LoopPlan:
    return LoopPlan.of(calibration(), Budget(COST))


@pytest.fixture(scope="module")
def asked() -> list[Query]:
    return DATA.queries("test")[:60]


def test_every_query_gets_a_loop_of_the_candidates(plan: LoopPlan, asked: list[Query]) -> None:
    policy = PlannedLoops(plan)
    policy.attach(mas().table)
    choice = policy(mas().batch(asked), sample=False)
    for query, made in zip(asked, choice.plans(), strict=True):
        assert made.query == query
        assert isinstance(made.program, ClosedLoopProgram)
        assert made.program.lambda_tok == plan.prices[0]
        assert made.program.problem.model.options == 4
        assert {agent.backbone for agent in made.agents} <= set(THREE)
        assert [agent.role.name for agent in made.agents] == ["Knowledgeable Expert"] * 3
    assert not list(policy.parameters())  # nothing is learned
    assert torch.isfinite(choice.log_prob).all()


def test_programs_survive_json(plan: LoopPlan, asked: list[Query]) -> None:
    policy = PlannedLoops(plan)
    policy.attach(mas().table)
    [made] = policy(mas().batch(asked[:1]), sample=False).plans()
    again = program_from_dict(json.loads(json.dumps(program_to_dict(made.program))))
    assert again == made.program
    assert again.problem.model == made.program.problem.model


def test_loops_spend_about_the_budget_and_say_how_sure_they_are(
    plan: LoopPlan, asked: list[Query]
) -> None:
    with module().new_executor(DATA) as executor:
        outcomes = evaluate(PlannedLoops(plan), mas(), executor, asked, first_sample=7)
    assert all(o.error is None for o in outcomes)
    assert {len(o.calls) for o in outcomes} <= {1, 2, 3}
    assert len({len(o.calls) for o in outcomes}) > 1  # some questions need more than others
    assert 0.5 * COST < np.mean([o.cost for o in outcomes]) < 1.5 * COST
    sure = [o.steps[-1].probability for o in outcomes]
    assert abs(np.mean(sure) - np.mean([o.score for o in outcomes])) < 0.2


def test_a_file_acts_as_the_plan_does(plan: LoopPlan, asked: list[Query], tmp_path: Path) -> None:
    plan.write(tmp_path / "loops.json")
    read = PlannedLoops(str(tmp_path / "loops.json"))
    with module().new_executor(DATA) as executor:
        costs = [
            [o.cost for o in evaluate(policy, mas(), executor, asked[:20], first_sample=7)]
            for policy in (PlannedLoops(plan), read)
        ]
    assert costs[0] == pytest.approx(costs[1])


def test_what_cannot_be_is_refused(plan: LoopPlan, asked: list[Query]) -> None:
    with pytest.raises(ConfigError, match="backbone"):
        PlannedLoops(plan).attach(mas(THREE[:1]).table)
    with pytest.raises(ConfigError, match="file"):
        PlannedLoops("nowhere.json")
    policy = PlannedLoops(plan)
    policy.attach(mas().table)
    batch = mas().batch(asked[:2])
    batch.query_embed = batch.query_embed[:, :8]
    with pytest.raises(ConfigError, match=r"mas.encoder: got '8 numbers'"):
        policy(batch, sample=False)
