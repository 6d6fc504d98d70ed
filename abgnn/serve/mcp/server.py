"""`tool_server`: the SDK's server with a system's tools; wrong arguments are refused by name."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp_types import CallToolResult, InputRequiredResult, Tool, ToolAnnotations
from pydantic import ValidationError

from abgnn.errors import ClosedError
from abgnn.serve.http.bug_log import BugLog
from abgnn.serve.http.limits import ServeLimits
from abgnn.serve.http.request import stopping
from abgnn.serve.mcp.tools import SystemTools
from abgnn.serve.system import System

_INSTRUCTIONS = """\
A system of LLM agents that answers questions within budgets of dollars and seconds. Calls are
{label}. `ask` spends money, and `spending` says how much; the other tools spend nothing."""
_READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_SPENDS = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=True)


class ToolServer(MCPServer[Any]):
    """The SDK's, which refuses arguments that a tool does not have, and says what was wrong.

    A budget whose name is misspelt would else be left out, and money spent without it.

    Args:
        bugs: log what nobody foresaw, without keys; the SDK would log it as it is.
        settings: of the SDK's server.
    """

    def __init__(self, bugs: BugLog, **settings: Any) -> None:
        super().__init__("abgnn", **settings)
        self._bugs = bugs

    async def list_tools(self) -> list[Tool]:
        """The tools, whose schemas say so, too."""
        tools = await super().list_tools()
        for tool in tools:
            tool.input_schema["additionalProperties"] = False
        return tools

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        schemas = {tool.name: tool.input_schema for tool in await self.list_tools()}
        known = schemas[name]["properties"] if name in schemas else arguments
        unknown = [key for key in arguments if key not in known]
        if unknown:
            allowed = ", ".join(known) or "no argument"
            first = unknown[0]
            raise ToolError(f"{first[:60]}: got {_short(arguments[first])}; allowed: {allowed}")
        try:
            return await super().call_tool(name, arguments, context)
        except UnexpectedToolError as wrong:
            bug = wrong.__cause__ or wrong
            told = stopping() if isinstance(bug, ClosedError) else self._bugs(bug, "call")
            raise ToolError(str(told)) from None
        except ToolError as wrong:
            if isinstance(wrong.__cause__, ValidationError):
                raise ToolError(_worded(wrong.__cause__)) from wrong
            raise


def tool_server(system: System, limits: ServeLimits) -> ToolServer:
    """A server for a system; its transport is chosen by whoever runs it."""
    server = ToolServer(
        BugLog(llm.api_key_env for llm in system.deployment.mas.catalogue),
        instructions=_INSTRUCTIONS.format(label=system.label),
        version=version("abgnn"),
        log_level="WARNING",
        subscriptions=False,
    )
    tools = SystemTools(system, limits)
    server.add_tool(tools.ask, annotations=_SPENDS, structured_output=True)
    for tool in (tools.plan, tools.what_would_a_budget_buy, tools.spending):
        server.add_tool(tool, annotations=_READS, structured_output=True)
    return server


def _worded(wrong: ValidationError) -> str:
    """Field, value and what is allowed, of every wrong argument."""
    parts = []
    for error in wrong.errors():
        field = ".".join(str(part) for part in error["loc"])
        got = "nothing" if error["type"] == "missing" else _short(error["input"])
        parts.append(f"{field}: got {got}; allowed: {error['msg']}")
    return "; ".join(parts)


def _short(value: object) -> str:
    return repr(value)[:60]
