"""`abgnn mcp` in a process of its own, which the SDK's own client starts and talks to."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp")
pytest.importorskip("uvicorn")

from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from abgnn.cli.main import main
from abgnn.data.resources import config_path
from abgnn.serve.system import System
from tests.paths import ROOT

CONFIG = "simulated/general.yaml"
QUESTION = "Which treaty ended the Thirty Years' War?"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
NOISY = """
import os
from abgnn.data.backbone import Backbone
from abgnn.data.query import Query
from abgnn.rollout import Completion, Messages, SimulatedClient

print("noise of an import")

class Noisy(SimulatedClient):
    async def complete(
        self, backbone: Backbone, messages: Messages, *, query: Query, sample: int
    ) -> Completion:
        print("noise of a call", flush=True)
        os.system("echo noise of a process")
        return await super().complete(backbone, messages, query=query, sample=sample)
"""


def test_a_client_starts_it_and_uses_every_tool(blind: str, tmp_path: Path) -> None:
    flags = ["--calibration", blind, "--config", CONFIG]
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "abgnn", "mcp", *flags],
        env=ENVIRONMENT,
        cwd=str(tmp_path),
    )
    progress: list[tuple[float, float | None, str | None]] = []

    async def note(done: float, total: float | None, message: str | None) -> None:
        progress.append((done, total, message))

    async def session() -> list[Any]:
        with (tmp_path / "errors").open("w") as errors:
            return await work(stdio_client(server, errlog=errors))

    async def work(transport: Any) -> list[Any]:
        async with Client(transport) as client:
            asked = {"question": QUESTION, "cost_usd": 1e-3}
            told = [await client.list_tools()]
            told.append(await client.call_tool("plan", asked))
            told.append(await client.call_tool("what_would_a_budget_buy", asked))
            told.append(await client.call_tool("spending"))
            told.append(await client.call_tool("ask", asked, progress_callback=note))
            told.append(await client.call_tool("spending"))
            return told

    listed, planned, offer, before, answer, after = asyncio.run(session())
    names = [tool.name for tool in listed.tools]
    assert names == ["ask", "plan", "what_would_a_budget_buy", "spending"]
    assert all(tool.output_schema and tool.description for tool in listed.tools)
    assert not any(told.is_error for told in (planned, offer, before, answer, after))
    account = answer.structured_content
    with System.load(blind, config=CONFIG) as system:
        outcome = system.run(QUESTION, cost_usd=1e-3)
        expected = system.offer(QUESTION, cost_usd=1e-3).to_dict()
    assert account["answer"] == answer.content[0].text == outcome.answer
    assert (account["cost_usd"], account["latency_s"]) == (outcome.cost, outcome.latency)
    assert account["calls_are"] == "simulated"
    assert "simulated" in answer.content[1].text
    assert planned.structured_content["plan"] == account["plan"]
    assert "flowchart" in planned.content[1].text
    assert {**expected, "frontier": []} == offer.structured_content
    assert before.structured_content["certain_usd"] == 0
    assert after.structured_content["calls"] == len(account["calls"])
    assert after.structured_content["certain_usd"] == pytest.approx(account["paid_usd"])
    assert [done for done, _, _ in progress] == list(range(len(account["calls"]) + 1))
    assert progress[-1][1] == len(account["calls"])
    assert account["calls"][-1]["backbone"] in (progress[-1][2] or "")


def test_nothing_but_the_protocol_is_on_standard_output(blind: str, tmp_path: Path) -> None:
    """Though modules, calls and the processes that they start print there."""
    (tmp_path / "noisy.py").write_text(NOISY)
    text = config_path(CONFIG).read_text(encoding="utf-8")
    assert "abgnn.rollout.SimulatedClient" in text
    (tmp_path / "noisy.yaml").write_text(
        text.replace("abgnn.rollout.SimulatedClient", "noisy.Noisy"), encoding="utf-8"
    )
    client = {"name": "test", "version": "0"}
    sent: list[tuple[str, dict[str, Any]]] = [
        ("initialize", {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client}),
        ("notifications/initialized", {}),
        ("tools/call", {"name": "ask", "arguments": {"question": QUESTION}}),
    ]
    lines: list[dict[str, Any]] = [
        {"jsonrpc": "2.0", "method": method, "params": params} for method, params in sent
    ]
    for i in (0, 2):
        lines[i]["id"] = i
    with subprocess.Popen(
        [sys.executable, "-m", "abgnn", "mcp", "--calibration", blind, "--config", "noisy.yaml"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write("".join(json.dumps(line) + "\n" for line in lines))
        process.stdin.flush()
        replies = [json.loads(process.stdout.readline()) for _ in range(2)]
        process.stdin.close()  # the client leaves
        rest, errors = process.stdout.read(), process.stderr.read()
        assert process.wait(60) == 0
    assert [reply["id"] for reply in replies] == [0, 2]
    assert not replies[1]["result"].get("isError")
    assert rest == ""
    for noise in ("an import", "a call", "a process"):
        assert f"noise of {noise}" in errors


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--key-env", "K"], "--key-env"),
        (["--transport", "http", "--host", "0.0.0.0"], "--key-env"),
        (["--transport", "http", "--key-env", "NOT_SET_ANYWHERE"], "NOT_SET_ANYWHERE"),
        (["--transport", "http", "--port", "99999"], "--host, --port"),
        (["--transport", "pigeon"], "pigeon"),
        (["--concurrent", "0"], "serve.concurrent"),
        (["--cost", "-1"], "cost_usd"),
        (["--plan", "nowhere.json"], "nowhere.json"),
    ],
)
def test_options_that_are_wrong(
    arguments: list[str], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Before anything is served; standard output stays empty."""
    assert main(["mcp", "--config", CONFIG, *arguments]) == 2
    out, errors = capfd.readouterr()
    assert out == ""
    assert said in errors
