"""A forked child: its descriptors, its walls, then the program or the tests."""

from __future__ import annotations

import math
import os
import signal
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from types import ModuleType

from . import judge, run_module
from .walls import Walls

_MOST_FDS = 1024
_PURGED = ("guest", "ctypes", "_ctypes")  # a program would have to import them, and may not


@dataclass(frozen=True)
class Child:
    """The settings and descriptors of a child.

    Args:
        walls, folder, timeout_s, memory_mb: how it is confined, and where.
        stdin, stdout, stderr: descriptors.
        token, proof: where the token is read, and where it is written after the last statement.
        channel: between a program and its judge.
    """

    walls: Walls
    folder: str
    timeout_s: float
    memory_mb: int
    stdin: int
    stdout: int
    stderr: int
    token: int | None = None
    proof: int | None = None
    channel: int | None = None


def in_child(child: Child, source: str, names: tuple[str, ...] | None = None) -> int:
    """Fork; the child runs `source` and never returns.

    Args:
        child: what it gets.
        source: the program, or the tests.
        names: functions of the program that the tests call; None: this is the program.

    Returns:
        The child's process id.
    """
    if pid := os.fork():
        return pid
    code, file = 1, "program.py" if names is None else "tests.py"
    try:
        _settle(child)
        _run(child, source, names, file)
        code = 0
    except BaseException as error:  # the end of the process, whatever the program raises
        run_module.report(error)
    finally:
        with suppress(BaseException):
            sys.stdout.flush()
        os._exit(code)
    return 0


def _settle(child: Child) -> None:
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    for fd, target in ((child.stdin, 0), (child.stdout, 1), (child.stderr, 2)):
        os.dup2(fd, target)
    mine = (child.token, child.proof, child.channel, child.walls.rules)
    kept = sorted(fd for fd in mine if fd is not None)
    for after, before in zip([2, *kept], [*kept, _MOST_FDS], strict=True):
        os.closerange(after + 1, before)
    os.chdir(child.folder)
    os.environ.update(HOME=child.folder, TMPDIR=child.folder)
    tempfile.tempdir = None
    sys.argv[:] = ["program.py"]
    for name in [name for name in sys.modules if name.split(".")[0] in _PURGED]:
        del sys.modules[name]
    sys.modules["__main__"] = ModuleType("__main__")
    child.walls.close(child.folder, math.ceil(child.timeout_s) + 1, child.memory_mb)


def _run(child: Child, source: str, names: tuple[str, ...] | None, file: str) -> None:
    judged = child.channel is not None
    name = "tests" if names is not None else "program" if judged else "__main__"
    code, module = run_module.load(source, name, file)
    if names is None and child.channel is not None:
        exec(code, module.__dict__)
        judge.serve(module.__dict__, child.channel)
        return
    for remote in names or ():
        assert child.channel is not None
        module.__dict__[remote] = judge.Remote(remote, child.channel)
    assert child.token is not None
    assert child.proof is not None
    run_module.run(code, module, child.token, child.proof)
    run_module.finish()
