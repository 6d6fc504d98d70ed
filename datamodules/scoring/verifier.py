"""`Verifier`: math-verify in a few warm processes, each killed when its time is up."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import threading
import time
from importlib.util import find_spec
from pathlib import Path
from queue import Empty, LifoQueue

START_S = 60.0  # seconds that a process may take to load math-verify
_SCRIPT = Path(__file__).with_name("verify_worker.py")


class Verifier:
    """Whether two LaTeX answers are mathematically equal, within a time bound.

    math-verify raises in any thread but the main one unless its own time-outs are off, and sympy
    may compute for ever; so it runs in processes of its own (as many as there are threads that
    ask, at most `workers`), which are kept warm and killed when `timeout_s` has passed.

    Args:
        timeout_s: seconds for one comparison; loading (about a second, once) is not counted.
        workers: processes at the same time; None: the number of cores.
    """

    def __init__(self, timeout_s: float = 5.0, workers: int | None = None) -> None:
        self.timeout_s, self.workers = timeout_s, workers or os.cpu_count() or 1
        self._slots = threading.BoundedSemaphore(self.workers)
        self._idle: LifoQueue[_Process] = LifoQueue()

    def __reduce__(self) -> tuple[type[Verifier], tuple[float, int]]:
        return Verifier, (self.timeout_s, self.workers)

    @staticmethod
    def installed() -> bool:
        """Whether math-verify is there."""
        return find_spec("math_verify") is not None

    def equal(self, gold: str, answer: str) -> bool | None:
        """The verdict; None: time was up, or the process died (of memory, for example).

        Blocks; safe in any thread.
        """
        with self._slots:
            process = self._take()
            try:
                verdict = process.ask([gold, answer], self.timeout_s)
            except (OSError, EOFError, TimeoutError, ValueError):
                process.close()
                return None
            self._idle.put(process)
            return verdict is True

    def close(self) -> None:
        """End the idle processes; a later comparison starts new ones."""
        while not self._idle.empty():
            self._take().close()

    def _take(self) -> _Process:
        try:
            return self._idle.get_nowait()
        except Empty:
            return _Process(self.timeout_s)


class _Process:
    """One worker: a line of JSON in, a line of JSON out."""

    def __init__(self, timeout_s: float) -> None:
        self._popen = subprocess.Popen(
            [sys.executable, "-I", str(_SCRIPT), str(2 * timeout_s + 1)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._started = False

    def ask(self, message: object, timeout_s: float) -> object:
        """Its reply.

        Raises:
            TimeoutError, EOFError, OSError, ValueError: too late, dead, or no JSON.
        """
        if not self._started:
            self._read(START_S)
            self._started = True
        assert self._popen.stdin is not None
        self._popen.stdin.write(json.dumps(message).encode() + b"\n")
        self._popen.stdin.flush()
        return self._read(timeout_s)

    def close(self) -> None:
        """Kill it."""
        self._popen.kill()
        self._popen.wait()
        for pipe in (self._popen.stdin, self._popen.stdout):
            if pipe is not None and not pipe.closed:
                try:
                    pipe.close()
                except BrokenPipeError:  # what was never sent
                    continue

    def __del__(self) -> None:
        if self._popen.poll() is None:
            self.close()

    def _read(self, timeout_s: float) -> object:
        assert self._popen.stdout is not None
        fd, deadline, line = self._popen.stdout.fileno(), time.monotonic() + timeout_s, b""
        with selectors.DefaultSelector() as selector:
            selector.register(fd, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise TimeoutError(f"no verdict in {timeout_s} s")
                piece = os.read(fd, 4096)
                if not piece:
                    raise EOFError("the process has ended")
                line += piece
        return json.loads(line)
