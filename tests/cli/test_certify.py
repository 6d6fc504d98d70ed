"""`abgnn certify --plan`: rare parts are asked, and looks at the same plan are counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from abgnn.cli.main import main
from abgnn.planning.plan_file import NamedDesign, PlanFile

CONFIG = ["--config", "simulated/general.yaml", "--cost", "1"]


def plan(path: str, rare: str) -> None:
    designs = (
        NamedDesign(0.97, (("Knowledgeable Expert", "Qwen3-1.7B"),), (), None),
        NamedDesign(0.03, (("Knowledgeable Expert", rare),), (), None),
    )
    PlanFile(designs, "simulated", None, True, {}, {}, {}).write(path)


def test_looks_at_a_plan_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    plan("plan.json", "Qwen3-32B")
    asked = ["certify", *CONFIG, "--plan", "plan.json", "--out", "c.json"]
    for look, alpha in ((1, 0.04), (2, 0.008)):
        assert main(asked) == 0
        made = json.loads(Path("c.json").read_text())
        assert made["look"] == look
        assert made["alpha"] == pytest.approx(alpha)
        assert [n for _, _, n in made["parts"]] == [108, 12]
        assert f"look {look}" in capsys.readouterr().out
    plan("plan.json", "Qwen3-8B")  # another plan
    assert main(asked) == 0
    assert json.loads(Path("c.json").read_text())["look"] == 1
    assert main([*asked, "--look", "3"]) == 0
    assert json.loads(Path("c.json").read_text())["look"] == 3
    assert main([*asked, "--look", "0"]) == 2
