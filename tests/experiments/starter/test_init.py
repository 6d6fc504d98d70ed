"""`abgnn init`: what it writes works to the last line, and bad values are refused."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shlex
import stat
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
import yaml

from abgnn.cli.main import main
from abgnn.data.catalogue import Catalogue
from abgnn.data.catalogue_yaml import price_date
from abgnn.experiments.deployment import read_deployment
from abgnn.experiments.starter.starter import Model
from abgnn.rollout import OpenAIClient
from abgnn.rollout.ledger.read import summarise
from tests.paths import ROOT

FILES = ("my_llms.yaml", "run.sh", "task.yaml")
LIVE = ["--base-url", "http://127.0.0.1:9/v1", "--model", "small-8b=0.05/0.2", "--cost", "0.01"]


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """A PATH with the command `abgnn`, as an installation has it."""
    command = tmp_path / "bin" / "abgnn"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m abgnn "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    path = f"{command.parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def questions(folder: Path, n: int = 24) -> Path:
    path = folder / "sums.jsonl"
    rows = [{"question": f"What is {i} + {i * i}?", "answer": i + i * i} for i in range(n)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def ran(script: Path, env: dict[str, str], *words: str) -> str:
    """All that the script prints; from another folder than its own."""
    done = subprocess.run(
        ["sh", str(script), *words], cwd="/", env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_what_it_writes_runs_simulated(tmp_path: Path, env: dict[str, str]) -> None:
    folder, file = tmp_path / "mine", questions(tmp_path)
    argv = ["init", str(folder), "--simulated", "--domain", "math", "--questions", str(file)]
    assert main([*argv, "--rollouts", "36"]) == 0
    assert sorted(path.name for path in folder.iterdir()) == list(FILES)
    assert (folder / "run.sh").stat().st_mode & stat.S_IXUSR
    said = ran(folder / "run.sh", env, "What is 3 + 4?")
    for step in ("✓ questions", "36 rollouts", "plan: runs/plan.json", "10 held-out queries"):
        assert step in said, said
    assert "'What is 3 + 4?' (simulated)" in said
    assert "Questions: 12 train, 2 val, 10 test" in said


@pytest.mark.live
@pytest.mark.slow
@pytest.mark.timeout(1200)  # four processes that load PyTorch, and an LLM on the same cores
def test_what_it_writes_runs_live(
    tmp_path: Path, env: dict[str, str], smollm2: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against SmolLM2 behind the local server, as behind any endpoint."""
    url = Catalogue.from_yaml(smollm2).backbones[0].base_url
    file, folder = questions(tmp_path, 10), tmp_path / "mine"
    argv = ["init", str(folder), "--domain", "math", "--questions", str(file), "--cost", "0.001"]
    argv += ["--base-url", str(url), "--model", "smollm2=0.01/0.04", "--max-tokens", "16"]
    assert main([*argv, "--rollouts", "3", "--max-usd", "0.5"]) == 0
    said = ran(folder / "run.sh", env, "What is 2 + 3?")
    assert f"✓ endpoint            {url} answers" in said
    assert "3 rollouts" in said
    assert "(live)" in said
    paid = summarise(folder / "runs" / "calls.sqlite")
    assert paid.responses > 9
    monkeypatch.chdir(folder)
    assert main(["calibrate", "--config", "task.yaml", "--rollouts", "3", "--out", "x.json"]) == 0
    assert summarise("runs/calls.sqlite").responses == paid.responses  # nothing was paid twice


def test_a_key_in_a_variable_that_yaml_would_take_for_false(tmp_path: Path) -> None:
    assert main(["init", str(tmp_path / "new"), *LIVE, "--key-env", "NO"]) == 0
    llms = Catalogue.from_yaml(tmp_path / "new" / "my_llms.yaml")
    assert {b.api_key_env for b in llms} == {"NO"}


def test_the_files_of_a_live_experiment(tmp_path: Path) -> None:
    flags = ["--model", "vendor/large-MoE-235B-A22B=0.4/1.4", "--model", "mini=1/4"]
    flags += ["--key-env", "EXAMPLE_KEY", "--latency", "30", "--max-usd", "2"]
    assert main(["init", str(tmp_path / "new"), *LIVE, *flags]) == 0
    llms = Catalogue.from_yaml(tmp_path / "new" / "my_llms.yaml")
    small, large, mini = llms.backbones
    assert llms.names == ("small-8b", "large-MoE-235B-A22B", "mini")
    assert (large.model, large.price_in, large.price_out) == (
        "vendor/large-MoE-235B-A22B",
        0.4,
        1.4,
    )
    assert (small.active_params_b, large.active_params_b, mini.active_params_b) == (8, 22, 80)
    assert {b.api_key_env for b in llms} == {"EXAMPLE_KEY"}
    assert price_date(tmp_path / "new" / "my_llms.yaml") == date.today()
    os.chdir(tmp_path / "new")
    deployment = read_deployment("task.yaml")
    assert isinstance(deployment.client, OpenAIClient)
    assert deployment.rollout.caps.run_usd == 2
    assert deployment.rollout.recording.path == "runs/calls.sqlite"
    script = (tmp_path / "new" / "run.sh").read_text(encoding="utf-8")
    assert script.count(" --cost 0.01 --latency 30") == 2
    assert "at most 2 USD" in script


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "name",
    ["a\x85b", "a\x7fb", "a\u2028b", 'a"b\\c: {#}\n- d', "$(id)`id`'", "\U0001f600", "\udcff"],
)
def test_names_of_any_characters(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "my own"
    assert main(["init", str(folder), *LIVE, "--model", f"{name}=1/4"]) == 0
    assert Catalogue.from_yaml(folder / "my_llms.yaml").backbones[1].model == name


def test_what_comes_next_can_be_pasted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "my $own"
    assert main(["init", str(folder), "--simulated"]) == 0
    [line] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("next: ")]
    assert shlex.split(line)[1:] == ["sh", str(folder / "run.sh")]


def test_nothing_is_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "task.yaml"
    mine.write_text("mine", encoding="utf-8")
    assert main(["init", "--simulated"]) == 2
    assert "FOLDER: got 'task.yaml'; allowed: a folder without them, or --force" in (
        capsys.readouterr().err
    )
    assert [path.name for path in tmp_path.iterdir()] == ["task.yaml"]
    assert mine.read_text(encoding="utf-8") == "mine"
    assert main(["init", "--simulated", "--force"]) == 0
    assert yaml.safe_load(mine.read_text(encoding="utf-8"))["seed_everything"] == 0


SECRET = "sk-planted-7c41f09b"


@pytest.mark.parametrize(
    ("argv", "field", "words"),
    [
        ([], "--cost / --latency", "at least one"),
        (["--cost", "1"], "--base-url", "OpenAI-compatible endpoint"),
        ([*LIVE, "--base-url", "ftp://x"], "--base-url", "got 'ftp://x'"),
        ([*LIVE, "--base-url", f"https://me:{SECRET}@x/v1"], "--base-url", "without user"),
        ([*LIVE[:2], "--cost", "1"], "--model", "at least one NAME=PRICE_IN/PRICE_OUT"),
        ([*LIVE, "--model", "x"], "--model", "got 'x'"),
        ([*LIVE, "--model", "x=1"], "--model", "got 'x=1'"),
        ([*LIVE, "--model", "x=0/1"], "--model", "prices above 0"),
        ([*LIVE, "--model", "x=nan/1"], "--model", "prices above 0"),
        ([*LIVE, "--model", "other/small-8b=1/1"], "--model", "every LLM once"),
        ([*LIVE, "--key-env", SECRET], "--key-env", "never a key"),
        ([*LIVE, "--cost", "-1"], "--cost", "above 0"),
        ([*LIVE, "--latency", "inf"], "--latency", "above 0"),
        ([*LIVE, "--max-usd", "0"], "--max-usd", "above 0"),
        ([*LIVE, "--rollouts", "0"], "--rollouts", "from 1"),
        ([*LIVE, "--domain", "law"], "--domain", "general, math, code"),
        ([*LIVE, "--simulated"], "--base-url", "nothing beside --simulated"),
        ([*LIVE, "--questions", "none.jsonl"], "path", "existing file"),
        ([*LIVE, "--questions", "few.jsonl"], "--questions", "at least 10"),
        ([*LIVE, "--questions", "sums.jsonl", "--domain", "code"], "--domain", "judged by tests"),
    ],
)
def test_a_bad_value_is_refused_by_its_field(
    argv: list[str], field: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    questions(tmp_path)
    (tmp_path / "few.jsonl").write_text('{"question": "6 · 7?", "answer": 42}\n')
    assert main(["init", "new", *argv]) == 2
    error = " ".join(capsys.readouterr().err.split())
    assert error.startswith(f"abgnn: {field}: got"), error
    assert words in error
    assert SECRET not in error
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("name", "billions", "stated"),
    [("qwen3-1.7b", 1.7, True), ("x-30B-A3B", 3, True), ("gpt-mini", 8, False), ("o4", 8, False)],
)
def test_parameters_by_the_name(name: str, billions: float, stated: bool) -> None:
    assert Model(name, 0.1, 0.4).parameters() == (billions, stated)


def test_it_asks_on_a_terminal(tmp_path: Path, env: dict[str, str]) -> None:
    """A real terminal; each answer is typed when its question is there; two are refused first."""
    dialogue = [
        ("Call real LLMs?", "y"),
        ("File of your questions", "nowhere.jsonl"),
        ("existing file or folder", ""),
        ("Domain", "law"),
        ("general, math, code", "math"),
        ("Base URL", "https://api.example.com/v1"),
        ("Environment variable", "EXAMPLE_KEY"),
        ("LLM, as", "small-8b=0.05"),
        ("such as small-8b=0.05/0.2", "small-8b=0.05/0.2"),
        ("One more LLM", ""),
        ("mean USD", "0.002"),
        ("mean seconds", ""),
        ("Most USD", "3"),
    ]
    main_end, their_end = pty.openpty()
    command = [sys.executable, "-m", "abgnn", "init", "new"]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=env, stdin=their_end, stdout=their_end, stderr=their_end
    )
    os.close(their_end)
    seen = ""
    for question, answer in dialogue:
        while question not in " ".join(seen.split()):
            assert select.select([main_end], [], [], 120)[0], seen
            seen += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", os.read(main_end, 4096).decode())
        seen = ""
        os.write(main_end, f"{answer}\n".encode())
    try:
        while os.read(main_end, 4096):
            pass
    except OSError:
        pass  # the terminal is closed
    os.close(main_end)
    assert process.wait(120) == 0
    llms = Catalogue.from_yaml(tmp_path / "new" / "my_llms.yaml")
    assert [(b.name, b.price_out, b.api_key_env) for b in llms] == [
        ("small-8b", 0.2, "EXAMPLE_KEY")
    ]
    task = yaml.safe_load((tmp_path / "new" / "task.yaml").read_text(encoding="utf-8"))
    assert task["model"]["mas"]["domain"] == "math"
    assert task["model"]["rollout"]["caps"] == {"run_usd": 3}
    assert "--cost 0.002 --out" in (tmp_path / "new" / "run.sh").read_text(encoding="utf-8")
