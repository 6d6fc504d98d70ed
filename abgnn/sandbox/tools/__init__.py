"""Tools that roles can name (the paper's plugin)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from abgnn.sandbox.tools.python_tool import PythonTool
from abgnn.sandbox.tools.tool import Tool, ToolResult
from abgnn.sandbox.tools.unit_tests import UnitTestsTool

TOOLS: Mapping[str, type[PythonTool] | type[UnitTestsTool]] = MappingProxyType(
    {tool.name: tool for tool in (PythonTool, UnitTestsTool)}
)

__all__ = ["TOOLS", "PythonTool", "Tool", "ToolResult", "UnitTestsTool"]
