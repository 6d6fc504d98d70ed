"""A worker: enters its namespaces, then runs one job after the other until its input ends.

Started with one argument, a JSON object: see `Config`. Commands come on stdin, replies go to
stdout; the first reply says whether the worker stands.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from types import FrameType

from . import kernel, landlock, namespaces
from .folders import remove_folder
from .frames import read_frame, write_frame
from .processes import kill_all
from .supervise import House, perform, wake_on_children
from .walls import Walls

WARM = """
abc array asyncio base64 bisect calendar collections.abc contextlib copy csv dataclasses datetime
decimal enum fractions functools hashlib heapq inspect io itertools json math numbers operator
pathlib queue random re statistics string struct subprocess textwrap threading time traceback types
typing unittest uuid warnings
"""  # what generated programs import most; loaded once, before the forks


@dataclass(frozen=True)
class Config:
    """How a worker is to confine itself and its programs.

    Args:
        folder: an empty folder for it alone.
        readable, hidden: paths that programs may read, and folders within them that they may not.
        packages: folders to import from, beside the standard library.
        enter: make namespaces; else they are made already (`made`), or there are none.
        made: something outside has put this process into namespaces of its own.
        walls: walls of `Walls` to leave out, for tests: name → False.
    """

    folder: str
    readable: list[str]
    hidden: list[str]
    packages: list[str] = field(default_factory=list)
    enter: bool = False
    made: bool = False
    walls: dict[str, bool] = field(default_factory=dict)


def main() -> None:
    """Set up, say so, serve."""
    config = Config(**json.loads(sys.argv[1]))
    sys.path[:] = [*sys.path[1:], *config.packages]
    control, reply = os.dup(0), os.dup(1)
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1):
        os.dup2(null, fd)
    os.close(null)
    for name in WARM.split():
        importlib.import_module(name)
    try:
        house = _build(config, control, reply)
    except OSError as error:
        write_frame(reply, {"failed": str(error)})
        return
    sys.argv[1:] = []
    gc.collect()
    gc.freeze()
    write_frame(reply, {"ready": True})
    with suppress(EOFError, BrokenPipeError):
        while True:
            write_frame(reply, perform(house, read_frame(control)))
    _leave(house)


def _build(config: Config, control: int, reply: int) -> House:
    user, alone, base = None, config.enter or config.made, config.folder
    if config.enter:
        user = namespaces.enter(config.readable, config.hidden, config.folder, (control, reply))
    elif not alone:
        with suppress(OSError):
            kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
        user = _other_user()
        os.chmod(base, 0o711)
    with suppress(OSError):
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    base = namespaces.FOLDER if alone else base
    walls = Walls(
        tuple(config.readable),
        tuple(config.hidden),
        user,
        _rules(config, base, masked=alone) if config.walls.get("landlock", True) else None,
        audit=config.walls.get("audit", True),
        seccomp=config.walls.get("seccomp", True),
        namespace=alone,
    )
    house = House(walls, base, alone, control, wake_on_children())
    signal.signal(signal.SIGTERM, lambda number, frame: _stop(house, number, frame))
    return house


def _rules(config: Config, base: str, *, masked: bool) -> int | None:
    with suppress(OSError):
        return landlock.prepare(config.readable, () if masked else config.hidden, base)
    return None


def _other_user() -> int | None:
    """The id of nobody, if we may become nobody, and nobody can read the standard library."""
    if os.geteuid() != 0:
        return None
    child = os.fork()
    if not child:
        status = 1
        try:
            os.setgroups([])
            os.setregid(namespaces.NOBODY, namespaces.NOBODY)
            os.setreuid(namespaces.NOBODY, namespaces.NOBODY)
            with open(os.__file__, "rb"):
                status = 0
        finally:
            os._exit(status)
    return namespaces.NOBODY if os.waitpid(child, 0)[1] == 0 else None


def _stop(house: House, number: int, frame: FrameType | None) -> None:
    _leave(house)
    os._exit(0)


def _leave(house: House) -> None:
    kill_all(alone=house.alone)
    if not house.alone:
        remove_folder(house.base)
