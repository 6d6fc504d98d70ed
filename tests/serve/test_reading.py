"""`System` with plans that read the question."""

from __future__ import annotations

from pathlib import Path

import pytest

from abgnn import System
from abgnn.data import Query
from abgnn.errors import ConfigError
from abgnn.planning import Budget, QuestionPlan
from abgnn.planning.calibration import Calibration
from datamodules import QuickQA

CONFIG = "simulated/general.yaml"


@pytest.fixture(scope="module")
def asked() -> list[Query]:
    data = QuickQA()
    data.setup("test")
    return data.queries("test")[:40]


@pytest.fixture(scope="module")
def plan(calibration: Calibration, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    QuestionPlan.of(calibration, Budget(1e-3)).write(path)
    return path


def test_questions_get_teams_of_their_own(plan: Path, asked: list[Query]) -> None:
    with System.load(plan, config=CONFIG) as system:
        assert system.budget_kind == "planned"
        teams = {system.plan(query).agents for query in asked}
        assert len(teams) > 1
        assert system.run(asked[0]).error is None
        bare = Query("ask", asked[0].text, "general")  # nobody says what kind it is
        assert system.plan(bare).agents


def test_any_budget_is_planned_for(plan: Path, calibration_file: str, asked: list[Query]) -> None:
    for source in (str(plan), calibration_file):
        with System.load(source, config=CONFIG) as system:
            poor = [system.plan(query, cost_usd=1e-4) for query in asked]
            rich = [system.plan(query, cost_usd=5e-3) for query in asked]
            assert [p.agents for p in poor] != [p.agents for p in rich]
            with pytest.raises(ConfigError, match=r"cost_usd: got 1e-09; allowed: at least \$"):
                system.plan(asked[0], cost_usd=1e-9)


def test_the_plan_of_a_question_does_not_depend_on_its_neighbours(
    plan: Path, asked: list[Query]
) -> None:
    with System.load(plan, config=CONFIG) as system:
        alone = [system.plan(query).agents for query in asked[:5]]
        together = [a.outcome.result().plan.agents for a in map(system.start, asked[:5])]
    assert alone == together
