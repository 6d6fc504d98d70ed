"""The ways in: somebody's script for AutoGen or Agent Framework, ten lines later; a pipeline."""

from __future__ import annotations

import difflib
import json
import re
import runpy
from pathlib import Path

import pytest

from abgnn.errors import ConfigError
from abgnn.frameworks import Framework
from abgnn.frameworks.bridge import need
from abgnn.frameworks.questions import QuestionFile
from abgnn.graph.base_mas import BaseMAS
from abgnn.models import FixedGraph
from abgnn.rollout import Executor, OpenAIClient
from tests.frameworks.conftest import write_questions
from tests.frameworks.home_made import Pipeline
from tests.frameworks.tiny_openai import Server, serving, sums

HERE = Path(__file__).parent
LLMS = """
currency: USD
defaults: {api_key_env: OPENAI_API_KEY, max_tokens: 100}
backbones:
  - {name: small, model: small-8b, type: standard, price_in: 0.05, price_out: 0.2,
     active_params_b: 8, benchmarks: {general: {MMLU-Redux: 79.5}}}
  - {name: large, model: large-235b, type: standard, price_in: 4.0, price_out: 14,
     active_params_b: 22, benchmarks: {general: {MMLU-Redux: 92.7}}}
"""


@pytest.fixture
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a catalogue and questions."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_llms.yaml").write_text(LLMS)
    write_questions(tmp_path / "questions.jsonl")


def online(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    monkeypatch.setenv("OPENAI_API_KEY", "a-key-of-ours")


def test_a_missing_package_names_its_extra() -> None:
    with pytest.raises(ConfigError, match=r"pip install 'abgnn\[autogen\]'"):
        need("no_such_package", "autogen")


SCRIPTS = {
    "autogen_agentchat": "newcomer",
    "agent_framework_openai agent_framework_orchestrations": "newcomer_workflow",
}
"""What must be installed → whose script it is."""


@pytest.mark.parametrize("script", SCRIPTS.values())
def test_a_script_within_budgets_differs_in_ten_lines_at_most(script: str) -> None:
    before, after = (
        (HERE / f"{script}_{name}.py").read_text().splitlines() for name in ("before", "after")
    )
    changed = [
        line
        for line in difflib.unified_diff(before, after, n=0, lineterm="")
        if re.match(r"[+-](?![+-])", line) and line[1:].strip()
    ]
    assert len(changed) <= 10, changed


@pytest.mark.usefixtures("at_home")
@pytest.mark.parametrize(("packages", "script"), SCRIPTS.items())
def test_both_scripts_run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, packages: str, script: str
) -> None:
    for package in packages.split():
        pytest.importorskip(package)
    before, after = (str(HERE / f"{script}_{name}.py") for name in ("before", "after"))
    with serving(sums) as server:
        online(server, monkeypatch)
        runpy.run_path(before)
        assert capsys.readouterr().out.strip() == "The sum is 42"
        assert {body["model"] for body in server.bodies} == {"gpt-4o"}
        server.bodies.clear()
        runpy.run_path(after)
        assert capsys.readouterr().out.strip().endswith("The sum is 42")
        learned = len(server.bodies)
        assert {body["model"] for body in server.bodies} == {"small-8b", "large-235b"}
        assert server.bodies[-1]["model"] == "small-8b"  # the large one would cost 27 budgets
        runpy.run_path(after)  # what was learned is not paid again
        assert len(server.bodies) - learned <= 3


@pytest.mark.usefixtures("at_home")
def test_a_home_made_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    mas = BaseMAS(catalogue="my_llms.yaml", encoder="offline", framework=Pipeline("my_llms.yaml"))
    assert isinstance(mas.framework, Framework)
    policy = FixedGraph("small", roles=["Drafter", "Reviewer"])
    policy.attach(mas.table)
    questions = QuestionFile("questions.jsonl")
    plans = policy(mas.batch(questions.queries("train")[:2]), sample=False).plans()
    with serving(sums) as server:
        online(server, monkeypatch)
        with Executor(OpenAIClient(), mas.catalogue, questions, framework=mas.framework) as runs:
            outcomes = runs.run(plans)
    assert [o.error for o in outcomes] == [None, None]
    assert [o.answer for o in outcomes] == ["The sum is 3", "The sum is 4"]
    assert [o.score for o in outcomes] == [1, 1]
    assert [c.role for c in outcomes[0].calls] == ["Drafter", "Reviewer", "Editor"]
    assert outcomes[0].cost == pytest.approx(3 * (100 * 0.05 + 10 * 0.2) * 1e-6)


def test_the_pipeline_is_as_short_as_the_readme_says() -> None:
    assert len((HERE / "home_made.py").read_text(encoding="utf-8").splitlines()) <= 45


@pytest.mark.parametrize(
    ("answer", "response", "right"),
    [
        ("42", "12 + 30 = 42", 1),
        ("42", "42 is 12 + 30", 0),
        ("1,000", "So 1000.0", 1),
        ("-3", "x = -3.", 1),
        ("Gravity", "Magnetism?\nNo: gravity.\n", 1),
        ("B", "Bananas", 0),
        ("42", "no idea", 0),
    ],
)
def test_answers_of_a_file(tmp_path: Path, answer: str, response: str, right: int) -> None:
    file = tmp_path / "q.jsonl"
    file.write_text(json.dumps({"question": "Why?", "answer": answer}))
    task = QuestionFile(file)
    [query] = task.queries("train")
    assert task.score(query, response) == right
    assert task.score(query, task.specimen(query, correct=True)) == 1
    assert task.score(query, task.specimen(query, correct=False)) == 0


@pytest.mark.parametrize("line", ["{", '{"question": "Why?"}', '{"question": 3, "answer": 3}', "7"])
def test_a_faulty_line_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "q.jsonl").write_text(f'{{"question": "Why?", "answer": 1}}\n{line}\n')
    with pytest.raises(ConfigError, match=r"q.jsonl:2"):
        QuestionFile(tmp_path / "q.jsonl")
