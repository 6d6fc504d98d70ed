"""Does a program run to its end? Asked in a separate, limited process (POSIX only).

This guards against mistakes of a model (loops, floods, forks, early exits), not against an
adversary: files that the user may read can be read, and the network is not cut off.
"""

from __future__ import annotations

import math
import os
import secrets
import select
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

_GUEST = Path(__file__).with_name("_guest.py")


def passes(program: str, timeout_s: float = 6.0) -> bool:
    """Whether `program` runs to its end without an error within `timeout_s` seconds.

    It runs under `python -I -S` in its own session and temporary folder, without environment and
    output, under limits of CPU time, memory (1 GiB), file size, open files and processes (none
    may be started; as the limit does not bind root, an audit hook refuses them too, and sockets,
    signals and written files). A secret token, written to a pipe after the last statement, is
    the only proof of success: leaving early with status 0 proves nothing. In the end the whole
    process group is killed.

    Args:
        program: Python source; anything goes, also what is no source at all.
        timeout_s: wall time in seconds, the interpreter's start included.
    """
    token = secrets.token_hex(16).encode()
    read_end, write_end = os.pipe()
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            try:
                source = token + b"\n" + program.encode(errors="replace")
                process = _start(source, write_end, math.ceil(timeout_s) + 1, folder)
            finally:
                os.close(write_end)
            return _verdict(process, read_end, timeout_s) == token
    finally:
        os.close(read_end)


def _start(source: bytes, verdict: int, cpu_s: int, folder: str) -> subprocess.Popen[bytes]:
    with tempfile.TemporaryFile() as stdin:
        stdin.write(source)
        stdin.seek(0)
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", str(_GUEST), str(verdict), str(cpu_s)],
            stdin=stdin,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(verdict,),
            cwd=folder,
            env={},
            start_new_session=True,
        )


def _verdict(process: subprocess.Popen[bytes], pipe: int, timeout_s: float) -> bytes:
    """What stands in the pipe at the first of: something written, all writers gone, time out."""
    try:
        readable, _, _ = select.select([pipe], [], [], timeout_s)
        return os.read(pipe, 1024) if readable else b""
    finally:
        with suppress(ProcessLookupError):  # the leader is not reaped yet, so the id is ours
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
