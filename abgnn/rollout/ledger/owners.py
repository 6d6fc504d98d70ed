"""Which process an attempt belongs to, and whether that process still lives.

An owner is named by the machine's boot, its PID namespace, PID and start time, so that neither a
reboot, nor a container, nor a PID that is used again is mistaken for it.
"""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path


def this_process(mark: str) -> str:
    """The name of this process; `mark` distinguishes several owners within it."""
    pid = os.getpid()
    return f"{_boot()} {_namespace()} {pid} {_started(pid)} {mark}"


def lives(owner: str) -> bool | None:
    """Whether that process lives; None: unknown from here."""
    parts = owner.split(" ")
    if len(parts) != 5 or not parts[2].isdigit():
        return None
    boot, namespace, pid, started, _ = parts
    if boot != _boot():
        return False
    if namespace != _namespace():
        return None
    now = _started(int(pid))
    if now is None:
        return _answers(int(pid))
    return now == started


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return platform.node().replace(" ", "-") or "-"


def _namespace() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return "-"


def _started(pid: int) -> str | None:
    """Start in clock ticks since boot; `over` once it has ended, None where nothing says."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return "over" if fields[0] in (b"Z", b"X") else fields[19].decode()


def _answers(pid: int) -> bool | None:
    """For systems without /proc, or where it hides other users' processes."""
    if sys.platform == "win32":  # there, os.kill would end it
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
