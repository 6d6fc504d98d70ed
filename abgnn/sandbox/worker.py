"""The parent's side of one warm worker process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from abgnn.sandbox.guest.folders import remove_folder
from abgnn.sandbox.guest.frames import read_frame, write_frame
from abgnn.sandbox.strength import Strength, View, bubblewrap

GRACE_S = 5.0  # what a worker may take beyond its program's time
START_S = 20.0
_BOOT = "import sys; sys.path.insert(0, {!r}); from guest.main import main; main()"
_ENVIRONMENT = {"LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class SandboxError(RuntimeError):
    """A worker that cannot be started."""


@dataclass(frozen=True)
class Build:
    """How workers are started.

    Args:
        strength: what they are confined by.
        packages: whether installed packages can be imported.
        walls: walls to leave out, for tests: `audit`, `seccomp`, `landlock` → False.
    """

    strength: Strength
    packages: bool = True
    walls: Mapping[str, bool] = field(default_factory=dict)


class Worker:
    """One worker process; runs one program at a time. Not thread-safe, but for `stop`.

    Raises:
        SandboxError: it does not start, for example because the kernel refuses namespaces.
    """

    def __init__(self, build: Build) -> None:
        self.build, self._stopped = build, False
        self._folder = tempfile.mkdtemp(prefix="abgnn-sandbox-")
        self._process = subprocess.Popen(
            _command(build, self._folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            cwd="/",
            env=_ENVIRONMENT,
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self._from = self._process.stdin, self._process.stdout
        try:
            hello = self._receive(START_S)
        except (OSError, EOFError, ValueError) as error:
            self.close()
            raise SandboxError(f"{build.strength}: {error}") from error
        if "failed" in hello:
            self.close()
            raise SandboxError(f"{build.strength}: {hello['failed']}")
        if build.strength != "process":  # it has a root of its own now
            remove_folder(self._folder)

    def perform(self, *messages: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
        """Run a job (see `guest.supervise.perform`).

        Raises:
            OSError, EOFError, ValueError: the worker is lost, or does not answer (TimeoutError).
        """
        for message in messages:
            write_frame(self._to.fileno(), message)
        return self._receive(timeout_s + GRACE_S)

    @property
    def usable(self) -> bool:
        """Whether it runs, and was not asked to stop."""
        return not self._stopped and self._process.poll() is None

    def stop(self) -> None:
        """Ask it to kill its program and to end; returns at once, in any thread."""
        self._stopped = True
        with suppress(ProcessLookupError):
            self._process.terminate()

    def wait(self) -> None:
        """Wait for its end, after `stop`; in any thread."""
        try:
            self._process.wait(2.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def close(self) -> None:
        """End it with all that it has started; may be called again."""
        self.stop()
        self.wait()
        for pipe in (self._to, self._from):
            with suppress(OSError):
                pipe.close()
        remove_folder(self._folder)

    def _receive(self, timeout_s: float) -> dict[str, Any]:
        deadline = time.monotonic() + timeout_s
        reply: dict[str, Any] = read_frame(self._from.fileno(), deadline=deadline)
        return reply


def _command(build: Build, folder: str) -> list[str]:
    view, python = View.of(packages=build.packages), os.path.realpath(sys.executable)
    home = str(Path(__file__).parent)
    config = {
        "folder": folder,
        **asdict(view),
        "enter": build.strength == "namespaces",
        "made": build.strength == "bubblewrap",
        "walls": dict(build.walls),
    }
    prefix = bubblewrap(view, home, python) if build.strength == "bubblewrap" else []
    options = ["-I", "-S", "-B", "-X", "utf8", "-c", _BOOT.format(home)]
    return [*prefix, python, *options, json.dumps(config)]
