"""A pool of warm workers that run generated programs."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from abgnn.errors import ConfigError
from abgnn.sandbox.pool import Pool
from abgnn.sandbox.result import RunResult
from abgnn.sandbox.strength import STRENGTHS, Strength, usable
from abgnn.sandbox.worker import Build, SandboxError, Worker

STDERR_CHARACTERS = 2000
_log = logging.getLogger(__name__)


class Sandbox:
    """Runs generated programs that nobody has reviewed, each in a process of its own.

    Every program gets a fresh process, forked from a warm worker, in an empty folder, with an
    empty environment, without network, under limits of memory, CPU time, file size, files,
    threads and output. It starts no process and signals nobody; when it ends, or its time is up,
    everything below it is killed. How strong the walls are is the `strength`:

    - `process`: limits, a system call filter (seccomp), Landlock and an audit hook, each where
      the platform has it; as root, the user id of nobody where that id can read Python;
    - `namespaces`: these, in user, process, network, mount, IPC and host name spaces of the
      worker's own, whose file system shows only the interpreter's libraries;
    - `bubblewrap`: these, with namespaces made by `bwrap`.

    What cannot be defended: a kernel with holes; the time and memory that a program is allowed;
    and, for `run`, a program that wants to seem complete, as it could as well be empty: whether
    functions are right is judged by `check`, whose tests no program can reach. A function that
    knows what the tests expect passes them, whether it computes it or not.

    Args:
        timeout_s: wall time of a program, in seconds.
        memory_mb: address space of a program (a judge has as much).
        workers: programs that run at the same time; None: as many as there are cores.
        require: the weakest strength that will do.
        stdout_limit: bytes of output that are kept.
        strength: use this one; None: the strongest that this machine can make.
        packages: whether installed packages can be imported, beside the standard library.

    Raises:
        ConfigError: a value out of range, or a machine weaker than `require` or `strength`.
    """

    def __init__(
        self,
        timeout_s: float = 6.0,
        memory_mb: int = 1024,
        workers: int | None = None,
        require: Strength = "process",
        stdout_limit: int = 64 * 1024,
        *,
        strength: Strength | None = None,
        packages: bool = True,
    ) -> None:
        for name, value, least in (
            ("timeout_s", timeout_s, 0.01),
            ("memory_mb", memory_mb, 64),
            ("workers", 1 if workers is None else workers, 1),
            ("stdout_limit", stdout_limit, 0),
        ):
            if not value >= least:
                raise ConfigError(f"Sandbox.{name}", value, f"a number from {least}")
        for name, choice in (("require", require), ("strength", strength or "process")):
            if choice not in STRENGTHS:
                raise ConfigError(f"Sandbox.{name}", choice, ", ".join(STRENGTHS))
        self._arguments = (timeout_s, memory_mb, workers, require, stdout_limit)
        self._choice, self._packages = strength, packages
        self._strength: Strength | None = None
        self.timeout_s, self.memory_mb, self.stdout_limit = timeout_s, memory_mb, stdout_limit
        self.workers = workers or os.cpu_count() or 1
        self.require: Strength = require
        self._walls: Mapping[str, bool] = {}
        self._pool = Pool(self.workers)
        if require != "process" or strength is not None:
            self._check_strength()

    def run(self, program: str, *, stdin: str = "", timeout_s: float | None = None) -> RunResult:
        """Run a program as `__main__`; blocks, in any thread."""
        return self._run(_Ticket(), self._job(program, timeout_s, stdin=stdin))

    async def arun(
        self, program: str, *, stdin: str = "", timeout_s: float | None = None
    ) -> RunResult:
        """As `run`, off the event loop; cancelling it kills the program."""
        return await self._off_loop(self._job(program, timeout_s, stdin=stdin))

    def check(
        self, program: str, tests: str, names: Iterable[str], *, timeout_s: float | None = None
    ) -> RunResult:
        """Run tests against a program that cannot touch them; blocks, in any thread.

        The tests run in another process than the program, which never sees their source. For
        every name there is a function that calls the program's function of that name, and
        returns its result as plain data: numbers, texts, bytes, lists, tuples, sets, dicts. A
        result of another kind raises TypeError in the tests; a subclass loses its class.

        Args:
            program: the source that defines the functions, run as a module `program`.
            tests: the source that must run to its end; its output is `RunResult.stdout`.
            names: functions of the program that the tests call.
            timeout_s: of both together; None: the sandbox's.
        """
        return self._run(_Ticket(), *self._judged(program, tests, names, timeout_s))

    async def acheck(
        self, program: str, tests: str, names: Iterable[str], *, timeout_s: float | None = None
    ) -> RunResult:
        """As `check`, off the event loop; cancelling it kills program and tests."""
        return await self._off_loop(*self._judged(program, tests, names, timeout_s))

    @property
    def limits(self) -> tuple[float, int, int, bool]:
        """Seconds, MB, bytes of output, packages: sandboxes that have them equal give a program
        the same result."""
        return self.timeout_s, self.memory_mb, self.stdout_limit, self._packages

    @property
    def strength(self) -> Strength:
        """How programs are confined on this machine; tried out at the first use, and logged."""
        return self._build().strength

    def close(self) -> None:
        """End all workers, and what they run; a later run starts new ones."""
        self._pool.close()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return _copy, (self._arguments, self._choice, self._packages)

    def _job(self, program: str, timeout_s: float | None, **more: object) -> dict[str, Any]:
        limits = {"memory_mb": self.memory_mb, "stdout_limit": self.stdout_limit}
        limit = self.timeout_s if timeout_s is None else timeout_s
        job = {"program": program, "stdin": "", "judged": False, "timeout_s": limit}
        return {**job, **limits, **more}

    def _judged(
        self, program: str, tests: str, names: Iterable[str], timeout_s: float | None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        job = self._job(program, timeout_s, judged=True)
        return job, {"tests": tests, "names": list(names)}

    async def _off_loop(self, *messages: dict[str, Any]) -> RunResult:
        ticket = _Ticket()
        future = self._pool.threads().submit(self._run, ticket, *messages)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            ticket.cancel()
            raise

    def _run(self, ticket: _Ticket, *messages: dict[str, Any]) -> RunResult:
        timeout_s: float = messages[0]["timeout_s"]
        with self._pool.slot(self._build()) as worker:
            if not ticket.attach(worker):
                return RunResult("killed")
            try:
                reply = worker.perform(*messages, timeout_s=timeout_s)
                ticket.detach()
            except TimeoutError:
                worker.stop()
                return RunResult("timeout", seconds=timeout_s)
            except (OSError, EOFError, ValueError):
                worker.stop()
                return RunResult("killed", stderr="the sandbox's worker has ended")
        reply["stderr"] = reply["stderr"][-STDERR_CHARACTERS:]
        return RunResult(**reply)

    def _build(self) -> Build:
        if self._strength is None:
            self._strength = self._choice or machine_strength()
        return Build(self._strength, self._packages, self._walls)

    def _check_strength(self) -> None:
        """Refuse a machine that is weaker than what was asked for."""
        if self._choice is not None and (why := _refusal(self._choice)):
            raise ConfigError("Sandbox.strength", self._choice, f"what this machine can do; {why}")
        if STRENGTHS.index(self.strength) < STRENGTHS.index(self.require):
            allowed = f"at most {self.strength}, the strongest here; {_refusal(self.require)}"
            raise ConfigError("Sandbox.require", self.require, allowed)


class _Ticket:
    """One run, which may be cancelled before it has a worker, or while it has one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancelled = False
        self._worker: Worker | None = None

    def attach(self, worker: Worker) -> bool:
        """Note the worker that runs it; False if it is cancelled already."""
        with self._lock:
            self._worker = worker
            return not self._cancelled

    def detach(self) -> None:
        """Its run is over: the worker may serve another."""
        with self._lock:
            self._worker = None

    def cancel(self) -> None:
        """Kill the program, if it runs."""
        with self._lock:
            self._cancelled = True
            if self._worker is not None:
                self._worker.stop()


def machine_strength() -> Strength:
    """The strongest sandbox that this machine can make; tried out once per process."""
    for strength in reversed(STRENGTHS):
        if not (why := _refusal(strength)):
            _log.info("sandbox: %s", strength)
            return strength
        _log.info("sandbox: no %s: %s", strength, why)
    raise SandboxError(_refusal("process"))


@cache
def _refusal(strength: Strength) -> str:
    """Why this machine cannot make such a sandbox; empty if it can."""
    if os.name != "posix" or not usable(strength):
        return f"{strength}: not on this machine"
    try:
        Worker(Build(strength)).close()
    except SandboxError as error:
        return str(error)
    return ""


def _copy(arguments: tuple[Any, ...], strength: Strength | None, packages: bool) -> Sandbox:
    return Sandbox(*arguments, strength=strength, packages=packages)
