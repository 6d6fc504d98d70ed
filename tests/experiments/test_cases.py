"""`abgnn cases`: which questions, which plans, and a picture that says what it shows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.text import Text

from abgnn.cli.main import main
from abgnn.errors import ConfigError
from abgnn.experiments.cases import cases, three_of
from abgnn.experiments.compare.job import QUIET
from abgnn.experiments.experiment import Experiment, build
from abgnn.models.agent_balance import AgentBalance
from abgnn.planning.budgets import Budget
from abgnn.plots import cases as cases_picture

LOW, HIGH = Budget(3e-4, 12), Budget(6e-3, 150)


def test_easiest_median_and_hardest(simulated: Experiment) -> None:
    simulated.data.setup("test")
    queries = simulated.data.queries("test")
    chosen = three_of(simulated, queries, "level")
    assert [(said, q.meta["level"]) for said, q in chosen.items()] == [
        ("level 1", 1),
        ("level 3", 3),
        ("level 5", 5),
    ]
    assert len({q.id for q in three_of(simulated, queries, None).values()}) == 3
    with pytest.raises(ConfigError, match="--by"):
        three_of(simulated, queries, "colour")
    with pytest.raises(ConfigError, match="three"):
        three_of(simulated, queries[:2], None)


@pytest.mark.slow
def test_command_writes_plans_and_a_labelled_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []

    def keep(figure: Figure, *args: object, **kwargs: object) -> None:
        shown.extend(str(t.get_text()) for t in figure.findobj(Text))

    monkeypatch.setattr(cases_picture.Figure, "savefig", keep)
    args = ["--config", "compare/simulated-general.yaml", "--rollouts", "0", "--out", str(tmp_path)]
    assert main(["cases", *args]) == 0
    data = json.loads((tmp_path / "cases.json").read_text())
    assert len(data) == 6
    assert {case["source"] for case in data} == {"simulated"}
    for case in data:
        for agent in case["plan"]["agents"]:
            assert agent["backbone"] in shown
        assert any(f"{1e3 * case['cost_usd']:.3g} mUSD" in text for text in shown)
    assert "simulated" in shown
    assert any("4.9 mUSD, 135 s" in text for text in shown)


@pytest.mark.slow
def test_a_high_budget_buys_more(tmp_path: Path, simulated: Experiment) -> None:
    trained = build(
        ["simulated/general.yaml"], [*QUIET, "--model.policy.init_args.conditioned=true"]
    )
    policy = trained.model.policy
    assert isinstance(policy, AgentBalance)
    assert policy.tradeoff is not None
    points = [[160.0, 2e-2, 0.75, 1e-4, 5.0], [0.0, 0.0, 0.95, 5e-3, 100.0]]
    policy.tradeoff.taught = torch.tensor(points)
    plain = build(["simulated/general.yaml"], list(QUIET))
    paths = [tmp_path / "all-budgets.ckpt", tmp_path / "one.ckpt"]
    for made, path in zip((trained, plain), paths, strict=True):
        made.trainer.strategy.connect(made.model)
        made.trainer.save_checkpoint(path)
    found = cases(simulated, [LOW, HIGH], rollouts=0, checkpoints=[str(p) for p in paths])
    assert len({case.question for case in found}) == 3
    for system in ("planner", "AgentBalance, all-budgets"):
        mine = [case for case in found if case.system == system]
        low, high = (
            sum(case.outcome.cost for case in mine if case.budget == said)
            for said in ("0.3 mUSD, 12 s", "6 mUSD, 150 s")
        )
        assert 0 < low < 0.5 * high
    assert [case.budget for case in found if case.system.endswith("one")] == ["", "", ""]


def test_no_config_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cases"]) == 2
    assert "--config" in capsys.readouterr().err
