"""A bug behind a tool: the client gets a number, the log the rest without keys."""

from __future__ import annotations

import asyncio
import logging

import pytest

pytest.importorskip("mcp")
pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from mcp.server.mcpserver.exceptions import ToolError

from abgnn.graph.base_mas import BaseMAS
from abgnn.serve.http.limits import ServeLimits
from abgnn.serve.mcp.server import tool_server
from abgnn.serve.system import System
from tests.serve.http.helpers import KEY, scripted
from tests.serve.http.test_bugs import broken

TOOLS = ("ask", "plan", "what_would_a_budget_buy")


def refusal(system: System, tool: str) -> str:
    """What a client is told."""
    server = tool_server(system, ServeLimits())
    with pytest.raises(ToolError) as told:
        asyncio.run(server.call_tool(tool, {"question": "What is a quark?"}))
    assert told.value.__cause__ is None, "the SDK would log it"
    return str(told.value)


@pytest.mark.parametrize("tool", TOOLS)
def test_a_bug_is_told_by_a_number_that_the_log_explains(
    mas: BaseMAS, tool: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_KEY", KEY)  # of the LLM
    system = broken(mas, late=True)
    told = refusal(system, tool)
    assert "tensor" not in told
    number = told.rpartition(" ")[2]
    [logged] = [r.getMessage() for r in caplog.records if number in r.getMessage()]
    assert "a tensor of the wrong shape" in logged
    for secret in (KEY, "sk-other-1", "me:pw"):
        assert secret not in caplog.text
    system.close()


def test_a_server_that_stops_says_so(mas: BaseMAS, caplog: pytest.LogCaptureFixture) -> None:
    system, _ = scripted(mas)
    system.close()
    assert refusal(system, "ask") == refusal(system, "plan") == "the server is stopping"
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
