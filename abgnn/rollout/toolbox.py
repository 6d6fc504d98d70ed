"""`Toolbox`: runs the tools that roles name, recorded like calls (they cost no money)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from abgnn.data.backbone import Usage
from abgnn.data.outcome import ErrorKind
from abgnn.data.query import Query
from abgnn.errors import ConfigError
from abgnn.rollout.ledger.awaited import AwaitedLedger, booked
from abgnn.rollout.ledger.base import (
    Attempt,
    Caller,
    Ledger,
    Response,
)
from abgnn.rollout.ledger.identity import identity
from abgnn.rollout.settings import RolloutSettings

if TYPE_CHECKING:  # tools and sandbox are loaded when a role names one
    from abgnn.sandbox import Sandbox
    from abgnn.sandbox.tools import Tool, ToolResult


EXAMPLES = "unit_tests"
"""The tool that runs a program with the public examples of its question."""


@dataclass(frozen=True, slots=True)
class Used:
    """A tool's result: `output` for the agent, seconds, and whether the agent may reply anew."""

    output: str
    seconds: float
    again: bool


class Toolbox:
    """The tools that roles may name; a sandbox is started when the first one is used.

    Args:
        settings: tools, and whether their results are recorded.
        ledger: where they are recorded.
    """

    def __init__(self, settings: RolloutSettings, ledger: Ledger) -> None:
        self.settings, self.ledger = settings, AwaitedLedger(ledger)
        self._sandbox: Sandbox | None = None
        self._tools: dict[str, Tool] = {}
        self._passed: dict[tuple[str, str], bool | None] = {}

    def check(self, names: Iterable[str | None], field: str) -> None:
        """Raise ConfigError for a name that is no tool, or a sandbox that is too weak."""
        for name in names:
            if name is not None:
                self._tool(name, field)

    async def use(
        self, name: str | None, query: Query, reply: str, turn: int, caller: Caller
    ) -> Used | None:
        """Run a role's tool on its reply; None: no tool, or the reply has nothing for it."""
        if name is None:
            return None
        turns = self.settings.tools.turns
        if turns and turn >= turns:  # the agent has replied to the tool's output already
            return None
        result = await self._result(name, query, reply, caller)
        if result is None:
            return None
        return Used(f"Output of the tool {name}:\n{result.text}", result.seconds, turn < turns)

    async def passes(self, query: Query, reply: str, caller: Caller) -> bool:
        """Whether a reply's program passes all public examples of the question, if it has any."""
        return bool(await self.examples(query, reply, caller))

    async def examples(self, query: Query, reply: str, caller: Caller) -> bool | None:
        """The same; None: the question has no examples, or the reply no program."""
        key = query.text, reply
        if key not in self._passed:
            result = await self._result(EXAMPLES, query, reply, caller)
            self._passed[key] = None if result is None else result.ok
        return self._passed[key]

    async def _result(
        self, name: str, query: Query, reply: str, caller: Caller
    ) -> ToolResult | None:
        recording = self.settings.recording
        if recording.path is None or recording.mode == "live":
            return await self._run(name, query, reply)
        parameters = {"query": query.text, "timeout_s": self.settings.tools.timeout_s}
        request = {"model": f"tool:{name}", "messages": reply, "parameters": parameters}
        key, body = identity(request, caller.sample)
        recorded = await self.ledger.lookup(key) if recording.reads else None
        if recorded is not None:
            from abgnn.sandbox.tools import ToolResult

            return ToolResult(recorded.text, recorded.error is None, recorded.service_time)
        result = await self._run(name, query, reply)
        if result is not None and recording.writes:
            await self._record(replace(caller, key=key, model=f"tool:{name}"), body, result)
        return result

    async def _run(self, name: str, query: Query, reply: str) -> ToolResult | None:
        """Run the tool; if the sandbox fails, the agent reads that and the rollout goes on."""
        from abgnn.sandbox import SandboxError
        from abgnn.sandbox.tools import ToolResult

        try:
            return await self._tool(name).use(query, reply)
        except SandboxError as error:
            return ToolResult(f"(the tool could not run: {error})", False, 0.0)

    async def _record(self, caller: Caller, body: str, result: ToolResult) -> None:
        error: ErrorKind | None = None if result.ok else "tool"
        attempt = Attempt(Usage(), 0, False, result.seconds, 0.0, error)
        response = Response(result.text, Usage(), result.seconds, error=error)
        await booked(self.ledger.book(caller, attempt, response, body))

    def close(self) -> None:
        """End the sandbox; may be called again."""
        self._tools.clear()
        if self._sandbox is not None:
            self._sandbox.close()
            self._sandbox = None

    def _tool(self, name: str, field: str = "Role") -> Tool:
        from abgnn.sandbox import Sandbox
        from abgnn.sandbox.tools import TOOLS

        if name not in TOOLS:
            raise ConfigError(f"{field}.tool", name, ", ".join(sorted(TOOLS)))
        if self._sandbox is None:
            tools = self.settings.tools
            self._sandbox = Sandbox(timeout_s=tools.timeout_s, require=tools.require)
        if name not in self._tools:
            self._tools[name] = TOOLS[name](self._sandbox)
        return self._tools[name]
