"""The tool `unit_tests`: runs a reply's code with the public examples of the question."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from threading import Lock
from typing import Any
from weakref import WeakValueDictionary

from abgnn.data.query import Query
from abgnn.sandbox import RunResult, Sandbox
from abgnn.sandbox.tools.code_blocks import complete_program, python_block
from abgnn.sandbox.tools.examples import Step, from_asserts, from_text
from abgnn.sandbox.tools.tool import ToolResult, shorten

_HARNESS = """\
import json as _json, math as _math

def _same(got, expected):
    if isinstance(got, float) or isinstance(expected, float):
        try:
            return got == expected or _math.isclose(got, expected, rel_tol=1e-9, abs_tol=1e-9)
        except TypeError:
            return False
    return got == expected

def _short(value):
    text = repr(value)
    return text if len(text) <= 300 else text[:300] + "..."

for _source, _expected in _json.loads({steps!r}):
    if _expected is None:
        exec(_source, globals())
        continue
    print(_json.dumps([_source]), flush=True)
    try:
        _got, _want = eval(_source, globals()), eval(_expected, globals())
        _passed, _report = bool(_same(_got, _want)), [_short(_want), _short(_got)]
    except Exception as _error:
        _passed, _report = False, [_expected, type(_error).__name__ + ": " + str(_error)[:300]]
    print(_json.dumps([_source, _passed, *_report]), flush=True)
"""


class Results:
    """What came of programs, by code, tests and limits; the oldest are forgotten. For any thread.

    Args:
        most: results kept; none with more than 8,192 characters of output.
    """

    def __init__(self, most: int) -> None:
        self.most, self._kept, self._lock = most, dict[object, RunResult](), Lock()

    def get(self, key: object) -> RunResult | None:
        """None: it is not known."""
        return self._kept.get(key)

    def keep(self, key: object, result: RunResult) -> None:
        """From now on, if it is short."""
        if len(result.stdout) + len(result.stderr) > _LONG:
            return
        with self._lock:
            self._kept[key] = result
            while len(self._kept) > self.most:
                del self._kept[next(iter(self._kept))]


_RESULTS, _LONG = Results(1 << 12), 1 << 13


class UnitTestsTool:
    """Runs a reply's code with the examples that the question itself shows.

    They come from `query.meta["public_tests"]` (Python with asserts) if it is there, else from
    the question's text: doctests, and lines such as `f(1) == 2`. The scoring tests are not read.
    Agents often write the same program: it runs once, and its result, seconds too, is theirs all.
    What was stopped for time or memory runs again, as the machine may have been busy.

    Args:
        sandbox: where the code runs; the examples run in another process there.
        results: those that are kept; None: this process's, 4,096 of them for all such tools.
    """

    name = "unit_tests"

    def __init__(self, sandbox: Sandbox, *, results: Results | None = None) -> None:
        self.sandbox = sandbox
        self.results = _RESULTS if results is None else results
        self._running = WeakValueDictionary[tuple[object, ...], asyncio.Lock]()

    async def use(self, query: Query, reply: str) -> ToolResult | None:
        """Which examples failed, with expected and got; None without code or examples."""
        code = python_block(reply)
        steps = _public(query) if code and code.strip() else []
        names = {name for step in steps for name in step.names()}
        names -= {name for step in steps if step.expected is None for name in step.makes()}
        if code is None or not names:
            return None
        if {"prompt", "entry_point"} <= set(query.meta):
            code = complete_program(reply, query.meta["prompt"], query.meta["entry_point"])
        tests = _HARNESS.format(steps=json.dumps([(s.source, s.expected) for s in steps]))
        ran = await self._run(code, tests, sorted(names))
        report, ok = _report(ran, sum(step.expected is not None for step in steps))
        return ToolResult(shorten(report), ok, ran.seconds)

    async def _run(self, code: str, tests: str, names: Sequence[str]) -> RunResult:
        """What came of it before, or of who runs it just now, or of running it."""
        key = (code, tests, self.sandbox.limits)
        here = (code, tests, asyncio.get_running_loop())
        lock = self._running.setdefault(here, asyncio.Lock())
        async with lock:
            ran = self.results.get(key) or await self.sandbox.acheck(code, tests, names)
            if ran.status in ("completed", "error"):
                self.results.keep(key, ran)
            return ran


def _public(query: Query) -> list[Step]:
    if tests := query.meta.get("public_tests"):
        return from_asserts(str(tests))
    return from_text(query.text, query.meta.get("entry_point"))


def _report(ran: RunResult, total: int) -> tuple[str, bool]:
    lines: list[list[Any]] = [json.loads(line) for line in ran.stdout.splitlines()]
    done = [line for line in lines if len(line) > 1]
    passed = sum(line[1] for line in done)
    report = [f"{passed} of {total} examples pass."]
    report += [f"{s}\n  expected {want}\n  got      {got}" for s, ok, want, got in done if not ok]
    if ran.status == "timeout" and len(lines[-1:]) and len(lines[-1]) == 1:
        report.append(f"{lines[-1][0]}\n  did not end within {ran.seconds:.1f} s")
    elif not ran.completed or passed < total:
        report += [shorten(ran.stderr.strip(), 1500)] if ran.stderr.strip() else []
    return "\n".join(report), ran.completed and passed == total
