"""Running one program: fork, pipes, time limit, result, and killing all that it started."""

from __future__ import annotations

import os
import secrets
import selectors
import signal
import socket
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from .child import Child, in_child
from .folders import remove_folder
from .frames import read_frame
from .processes import kill_all
from .walls import Walls

STDERR_LIMIT = 16 << 10  # bytes of the tail that is kept


@dataclass
class Capture:
    """The content of a pipe: its first or its last `limit` bytes; the rest is read and dropped."""

    limit: int
    tail: bool = False
    data: bytearray = field(default_factory=bytearray)

    def take(self, piece: bytes) -> None:
        """Add a piece."""
        if self.tail:
            self.data += piece
            del self.data[: -self.limit]
        else:
            self.data += piece[: max(0, self.limit - len(self.data))]

    def text(self) -> str:
        """As text without lone surrogates."""
        return self.data.decode("utf-8", errors="replace")


@dataclass(frozen=True)
class House:
    """The parts of a worker that all its jobs share.

    Args:
        walls: what children close behind themselves.
        base: an own folder, in which every job gets one for itself.
        alone: whether this is the first process of its process namespace, so that all others
            in it may be killed.
        control: where commands come from; its end means that nobody waits any more.
        woken: becomes readable when a child ends.
    """

    walls: Walls
    base: str
    alone: bool
    control: int
    woken: int


def perform(house: House, job: dict[str, Any]) -> dict[str, Any]:
    """Run a job: `program`, `stdin`, `judged`, `timeout_s`, `memory_mb`, `stdout_limit`.

    If it is judged, a second message with `tests` and `names` is read, after the program's
    process was forked, so that the tests never were in that process.
    """
    folder = tempfile.mkdtemp(prefix="run-", dir=house.base)
    if house.walls.user is not None:
        os.chown(folder, house.walls.user, house.walls.user)
    try:
        return _Run(house, job, folder).result()
    finally:
        kill_all(alone=house.alone)
        remove_folder(folder)


class _Run:
    """One job: its pipes and its children."""

    def __init__(self, house: House, job: dict[str, Any], folder: str) -> None:
        self._house, self._job, self._folder = house, job, folder
        self._out = Capture(job["stdout_limit"])
        self._err = Capture(STDERR_LIMIT, tail=True)

    def result(self) -> dict[str, Any]:
        start = time.monotonic()
        pipes = [os.pipe() for _ in range(4)]
        (out, out_w), (err, err_w), (proof, proof_w), (token, token_w) = pipes
        try:
            pid = self._fork(out_w, err_w, token, proof_w)
            secret = secrets.token_hex(16).encode()  # no child has it in its memory
            os.write(token_w, secret)
            for fd in (out_w, err_w, proof_w, token, token_w):
                os.close(fd)
            exit_code = self._watch(pid, {out: self._out, err: self._err}, start)
            seconds = time.monotonic() - start
            kill_all(alone=self._house.alone)
            self._drain({out: self._out, err: self._err})
            proven = self._proof(proof) == secret
        finally:
            for fd in (out, err, proof):
                os.close(fd)
        status = _status(exit_code, proven)
        stderr = self._err.text()
        if status == "error" and not exit_code:
            stderr += "the program left before its end\n"
        return {
            "status": status,
            "stdout": self._out.text(),
            "stderr": stderr,
            "seconds": seconds,
        }

    def _fork(self, out: int, err: int, token: int, proof: int) -> int:
        """Fork the program, and its judge if it has one; the process whose end is the job's."""
        job, house = self._job, self._house
        limits = (house.walls, self._folder, job["timeout_s"], job["memory_mb"])
        if not job["judged"]:
            stdin = _file(job["stdin"], house.base)
            child = Child(*limits, stdin, out, err, token=token, proof=proof)
            pid = in_child(child, job["program"])
            os.close(stdin)
            return pid
        ours, theirs = (end.detach() for end in socket.socketpair())
        null = os.open("/dev/null", os.O_RDWR)
        in_child(Child(*limits, null, null, err, channel=theirs), job["program"])
        tests = read_frame(house.control)
        judge = Child(*limits, null, out, err, token=token, proof=proof, channel=ours)
        pid = in_child(judge, tests["tests"], tuple(tests["names"]))
        for fd in (ours, theirs, null):
            os.close(fd)
        return pid

    def _watch(self, pid: int, captures: dict[int, Capture], start: float) -> int | None:
        """The exit code (negative: the signal), or None when the time is up."""
        deadline = start + self._job["timeout_s"]
        with selectors.DefaultSelector() as selector:
            for fd in (*captures, self._house.control, self._house.woken):
                selector.register(fd, selectors.EVENT_READ)
            while True:
                ended, status = os.waitpid(pid, os.WNOHANG)
                if ended:
                    return os.waitstatus_to_exitcode(status)
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                for key, _ in selector.select(left):
                    self._handle(key.fd, captures, selector)

    def _handle(
        self, fd: int, captures: dict[int, Capture], selector: selectors.BaseSelector
    ) -> None:
        if fd == self._house.control:
            raise EOFError("nobody waits any more")
        piece = os.read(fd, 1 << 16)
        if fd in captures:
            captures[fd].take(piece)
            if not piece:
                selector.unregister(fd)

    def _drain(self, captures: dict[int, Capture]) -> None:
        """What is left in the pipes, now that all writers are dead."""
        for fd, capture in captures.items():
            os.set_blocking(fd, False)
            with suppress(BlockingIOError):
                while piece := os.read(fd, 1 << 16):
                    capture.take(piece)

    def _proof(self, fd: int) -> bytes:
        os.set_blocking(fd, False)
        with suppress(BlockingIOError):
            return os.read(fd, 1024)
        return b""


def _status(exit_code: int | None, proven: bool) -> str:
    if exit_code is None:
        return "timeout"
    if exit_code < 0:
        return "killed"
    return "completed" if proven and exit_code == 0 else "error"


def _file(text: str, folder: str) -> int:
    """A descriptor to read `text` from, of a file without a name."""
    if not text:
        return os.open("/dev/null", os.O_RDONLY)
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(text.encode("utf-8", errors="replace"))
        file.seek(0)
        return os.dup(file.fileno())


def wake_on_children() -> int:
    """A pipe that becomes readable when a child ends."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    return woken
