"""Agents with tools: what is run, who is told, what it costs in time, how it replays."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from abgnn.data.backbone import Backbone, Usage
from abgnn.data.catalogue import Catalogue
from abgnn.data.query import Query
from abgnn.data.template import Role
from abgnn.errors import ConfigError
from abgnn.rollout import (
    Agent,
    Completion,
    Executor,
    Messages,
    Outcome,
    Plan,
    Recording,
    RolloutSettings,
    Tools,
)
from abgnn.rollout.ledger.sqlite import SqliteLedger
from tests.rollout.helpers import Letters, Scripted, backbone, query

CODE = "I compute it.\n```python\nprint(6 * 7)\n```"
CODER = Role("Coder", "You write code.", tool="python")
JUDGE = Role("Decision Maker", "Decide.")


@dataclass
class Writer(Scripted):
    """Says what `says` has for a role: its n-th entry in the n-th turn."""

    says: dict[str, list[str]] = field(default_factory=dict)

    async def complete(
        self, backbone: Backbone, messages: Messages, *, query: Query, sample: int
    ) -> Completion:
        self.told.append((messages.role.name, messages))
        texts = self.says.get(messages.role.name, ["B"])
        text = texts[min(len(messages.turns), len(texts) - 1)]
        return Completion(text, Usage(100, 10), 1.0)


def pair(role: Role = CODER, of: Query | None = None) -> Plan:
    return Plan(of or query(), (Agent(role, "small"), Agent(JUDGE, "small")), ((0, 1),), 1)


def run(client: Scripted, plan: Plan, settings: RolloutSettings | None = None) -> Outcome:
    with Executor(client, Catalogue((backbone("small"),)), Letters(), settings=settings) as one:
        return one.run([plan])[0]


def test_the_agent_reads_its_tools_output_and_replies_anew() -> None:
    client = Writer(says={"Coder": [CODE, "It is 42."]})
    outcome = run(client, pair())
    assert [(c.role, c.turn, c.text) for c in outcome.calls] == [
        ("Coder", 0, CODE),
        ("Coder", 1, "It is 42."),
        ("Decision Maker", 0, "B"),
    ]
    again = client.told[1][1].chat()
    assert [m["role"] for m in again] == ["system", "user", "assistant", "user"]
    assert again[2]["content"] == CODE
    assert again[3]["content"] == "Output of the tool python:\n42"
    assert [r.text for r in client.told[2][1].received] == ["It is 42."]


def test_tool_time_is_part_of_the_latency() -> None:
    slow = "```python\nimport time\ntime.sleep(0.4)\n```"
    outcome = run(Writer(says={"Coder": [slow, "done"]}), pair())
    first, second, judge = outcome.calls
    assert first.tool_time >= 0.4
    assert second.start == first.end == pytest.approx(1 + first.tool_time)
    assert outcome.latency == judge.end == pytest.approx(3 + first.tool_time)


def test_without_further_turns_readers_see_the_output() -> None:
    client = Writer(says={"Coder": [CODE]})
    outcome = run(client, pair(), RolloutSettings(tools=Tools(turns=0)))
    assert len(outcome.calls) == 2
    assert client.told[1][1].received[0].text == f"{CODE}\n\nOutput of the tool python:\n42"


def test_a_reply_without_code_needs_no_tool() -> None:
    outcome = run(Writer(says={"Coder": ["No code."]}), pair())
    assert [c.turn for c in outcome.calls] == [0, 0]
    assert outcome.calls[0].tool_time == 0


def test_code_that_fails_is_told_and_harms_nobody() -> None:
    bad = "```python\nimport os\nos.kill(os.getppid(), 9)\n1 / 0\n```"
    client = Writer(says={"Coder": [bad, "sorry"]})
    outcome = run(client, pair())
    assert outcome.error is None
    assert "Error" in client.told[1][1].turns[0].output


def test_unit_tests_shows_the_public_examples_and_never_the_scoring_tests() -> None:
    asked = replace(
        query(),
        text="def double(x):\n    '''\n    >>> double(4)\n    8\n    '''\n",
        meta={"test": "def check(f):\n    assert f(3) == 'SECRET'\n", "entry_point": "double"},
    )
    wrong = "```python\ndef double(x):\n    return x + 1\n```"
    client = Writer(says={"Coder": [wrong, "better"]})
    run(client, pair(replace(CODER, tool="unit_tests"), asked))
    output = client.told[1][1].turns[0].output
    assert "double(4)" in output
    assert "8" in output
    assert "5" in output
    assert all("SECRET" not in str(messages.chat()) for _, messages in client.told)


def test_an_unknown_tool_is_refused_before_any_call() -> None:
    client = Writer()
    with pytest.raises(ConfigError, match=r"agents\[0\]\.role\.tool.*'web'.*python"):
        run(client, pair(replace(CODER, tool="web")))
    assert client.told == []


def test_a_tools_output_is_replayed_and_its_time_too(tmp_path: Path) -> None:
    path = str(tmp_path / "calls.sqlite")
    stamp = "```python\nimport time\nprint(time.time_ns())\n```"
    first = run(Writer(says={"Coder": [stamp, "ok"]}), pair(), RolloutSettings(Recording(path)))
    silent = Writer()
    again = run(silent, pair(), RolloutSettings(Recording(path, "replay")))
    assert silent.told == []
    assert [(c.text, c.tool_time, c.end) for c in again.calls] == [
        (c.text, c.tool_time, c.end) for c in first.calls
    ]
    assert (again.latency, again.cost, again.paid) == (first.latency, first.cost, 0)
    ledger = SqliteLedger(path, readonly=True)
    assert ledger.accounts()[0].spent == 3 * 200_000_000, "tools cost no money"
    ledger.close()
