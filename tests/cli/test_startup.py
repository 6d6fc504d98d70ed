"""What a command loads before it does anything: help and the planning commands know no PyTorch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from abgnn.cli.table import COMMANDS
from abgnn.experiments.calibrate import calibrate_experiment
from abgnn.experiments.experiment import build
from abgnn.planning import Budget
from abgnn.planning.plan_file import PlanFile
from abgnn.planning.planner import plan
from abgnn.rollout.ledger.sqlite import SqliteLedger
from tests.paths import ROOT

HEAVY = ("torch", "lightning", "torch_geometric", "sentence_transformers", "transformers")
SIMULATED = ("--config", "simulated/general.yaml")
NUMERIC = ("numpy", "scipy", "matplotlib", "rich")

_RUNNER = """
import json, sys
from abgnn.cli.main import main
status = [main(argv) for argv in json.loads(sys.argv[1])]
print("\\n" + json.dumps([status, [m for m in json.loads(sys.argv[2]) if m in sys.modules]]))
"""


def loaded(folder: Path, *commands: list[str]) -> list[str]:
    """Which of the modules are loaded after these commands, in one process of their own."""
    arguments = [json.dumps(commands), json.dumps([*HEAVY, *NUMERIC])]
    ran = subprocess.run(
        [sys.executable, "-c", _RUNNER, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    status, modules = json.loads(ran.stdout.splitlines()[-1])
    assert not any(status), ran.stdout + ran.stderr
    return list(modules)


def cpu_seconds(code: str) -> float:
    """User and system time of a Python process."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([sys.executable, "-c", code], env=env, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_utime + usage.ru_stime


def test_no_help_loads_anything_heavy(tmp_path: Path) -> None:
    helps = [[command.name, "--help"] for command in COMMANDS]
    helps += [
        ["--help"],
        ["--version"],
        ["--print-completion", "bash"],
        ["difficulty", "fit", "-h"],
    ]
    assert loaded(tmp_path, *helps) == []


def test_help_takes_a_quarter_of_the_time_of_torch() -> None:
    """Processor time of both, one after the other on the same machine."""
    one = "from abgnn.cli.main import main; main(['plan', '--help'])"
    assert cpu_seconds(one) < 0.25 * cpu_seconds("import torch")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A calibration, a plan, a recording and a table of outcomes."""
    folder = tmp_path_factory.mktemp("files")
    experiment = build(["simulated/general.yaml"], ["--trainer.logger=false"])
    calibration = calibrate_experiment(experiment, 40)
    calibration.save(folder / "calibration.json")
    PlanFile.of(plan(calibration, Budget(1e-3)), calibration).write(folder / "plan.json")
    SqliteLedger(folder / "calls.sqlite").close()
    llms = (("x", 1, 0.001), ("y", 0, 0.0001), ("z", 1, 0.0002), ("w", 1, 0.0001))
    rows = [f"{q},mmlu,{m},{s},{usd}" for q in "abc" for m, s, usd in llms]
    (folder / "outcomes.csv").write_text("\n".join(["query,task,llm,score,cost", *rows]))
    return folder


@pytest.mark.parametrize(
    "argv",
    [
        ["plan", "calibration.json", "--cost", "0.001", "--latency", "60", "--out", "made.json"],
        ["recordings", "calls.sqlite"],
        ["outcomes", "outcomes.csv", "--compare", "--catalogue", "made.yaml"],
        ["report", "calibration.json", "--out", "page.html"],
        ["pools"],
        ["doctor", *SIMULATED],
        ["certify", "--plan", "plan.json", *SIMULATED, "--cost", "1"],
        ["run", "What is a quark?", "--plan", "plan.json", *SIMULATED],
    ],
    ids=lambda argv: argv[0],
)
def test_commands_that_need_no_torch_load_none(argv: list[str], files: Path) -> None:
    modules = loaded(files, argv)
    assert not set(modules) & set(HEAVY)
    assert "matplotlib" not in modules or argv[0] in ("report", "pools")
    numeric = ("plan", "report", "pools", "certify", "run", "doctor")
    assert "scipy" not in modules or argv[0] in numeric


def test_a_policy_answers_without_lightning(files: Path) -> None:
    modules = loaded(files, ["run", "What is a quark?", *SIMULATED])
    assert "torch" in modules
    assert "lightning" not in modules


def test_a_plan_is_served_without_torch(files: Path) -> None:
    """All but the port: a system from a plan file behind the server's application."""
    pytest.importorskip("starlette")
    code = """
import sys
from abgnn import System
from abgnn.serve.http import server
from abgnn.serve.http.app import Service
with System.load("plan.json", config="simulated/general.yaml") as system:
    Service(system)
    assert system.run("What is a quark?").error is None
print([m for m in ("torch", "lightning") if m in sys.modules])
"""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, cwd=files, env=env, capture_output=True, text=True)
    assert ran.stdout.strip() == "[]", ran.stderr
