"""A policy takes one file and one config: the recipe's, trained, compared and judged."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
import yaml

from abgnn.cli.main import main
from abgnn.experiments.experiment import build
from tests.paths import ROOT
from tests.readmes import recipes

pytestmark = pytest.mark.usefixtures("elsewhere")

CONFIGS = ["simulated/general.yaml", "by_length.yaml"]


@pytest.fixture(autouse=True)
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Policy and config of the recipe, in the current folder, outside the package."""
    [recipe] = recipes(ROOT / "abgnn/models/README.md")
    config = recipe.new["configs/baselines/by_length.yaml"].replace("abgnn.models", "my_policy")
    (tmp_path / "my_policy.py").write_text(recipe.new["abgnn/models/by_length.py"], "utf-8")
    (tmp_path / "by_length.yaml").write_text(config, "utf-8")
    monkeypatch.delitem(sys.modules, "my_policy", raising=False)
    monkeypatch.syspath_prepend(tmp_path)


def test_it_is_as_short_as_said(tmp_path: Path) -> None:
    code = (tmp_path / "my_policy.py").read_text().splitlines()
    assert len(code) <= 40


def test_both_kinds_of_question_occur() -> None:
    experiment = build(CONFIGS)
    words = [len(q.text.split()) for q in experiment.data.queries("train")]
    share = sum(n >= experiment.model.policy.long_from for n in words) / len(words)
    assert 0.2 < share < 0.8


def test_it_is_trained_by_the_one_loop(tmp_path: Path) -> None:
    """Where dollars weigh much, it learns to ask the cheap LLMs."""
    args = ["--trainer.max_epochs=12", "--trainer.logger=false", "--model.lambda_tok=1000"]
    experiment = build(CONFIGS, [*args, "--trainer.enable_progress_bar=false"])
    model = experiment.model
    before = model.policy.logits.detach().clone()
    experiment.fit()
    cost, after = model.mas.table.cost, model.policy.logits.detach()
    assert not torch.equal(after, before)
    expected = [float((p.softmax(-1) @ cost).mean()) for p in (before, after)]
    assert expected[1] < expected[0] / 3
    plans = model.plans(experiment.data.queries("test"))
    assert {len(plan.agents) for plan in plans} == {1}
    assert 1 <= len({plan.agents[0].backbone for plan in plans}) <= 2


@pytest.mark.slow
def test_it_is_a_row_of_a_comparison(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    comparison = {
        "fit": ["simulated/general.yaml"],
        "ours": "ByLength",
        "seeds": [0],
        "train_calls": 100,
        "cost_budgets": [1e-3],
        "latency_budgets": [40],
        "methods": {
            "ByLength": {
                "configs": ["by_length.yaml"],
                "points": {"cheap": {"model.lambda_tok": 100}, "good": {"model.lambda_tok": 0}},
            },
            "complete": {"plain": "complete"},
        },
    }
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(comparison))
    assert main(["compare", "--config", "mine.yaml", "--jobs", "1", "--out", "out"]) == 0
    out = capsys.readouterr().out
    assert "ByLength" in out
    assert "2 × 1" in out
    assert "simulated" in out
