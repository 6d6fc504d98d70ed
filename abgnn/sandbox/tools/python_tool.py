"""The tool `python`: runs the code of a reply and feeds its output back."""

from __future__ import annotations

from abgnn.data.query import Query
from abgnn.sandbox import RunResult, Sandbox
from abgnn.sandbox.tools.code_blocks import python_block
from abgnn.sandbox.tools.tool import ToolResult, shorten


class PythonTool:
    """Runs the last fenced Python block of a reply.

    Args:
        sandbox: where the code runs, and for how long.
    """

    name = "python"

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    async def use(self, query: Query, reply: str) -> ToolResult | None:
        """Output and, if the program failed, the end of its traceback."""
        code = python_block(reply)
        if code is None or not code.strip():
            return None
        ran = await self.sandbox.arun(code)
        return ToolResult(shorten(_report(ran)), ran.completed, ran.seconds)


def _report(ran: RunResult) -> str:
    output = ran.stdout.strip("\n")
    endings = {
        "completed": "" if output else "(no output)",
        "error": shorten(ran.stderr.strip("\n"), 1500),
        "timeout": f"(stopped after {ran.seconds:.1f} s)",
        "killed": "(killed: it used too much memory or time)",
    }
    return "\n".join(part for part in (output, endings[ran.status]) if part)
