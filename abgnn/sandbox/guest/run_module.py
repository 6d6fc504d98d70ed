"""Runs one source as a module, and proves that it came to its end.

The proof is a token. It is read from a pipe after the process was forked, and no name and no frame
ever holds it: only a chain of C iterators, on the evaluation stack, which writes the token when the
program before it has returned. Leaving early, by whatever door, leaves the chain unfinished. Only a
search of the whole heap could find it, which the audit hook refuses; what must not be forged at all
is proven by another process (`judge`).
"""

from __future__ import annotations

import atexit
import linecache
import os
import sys
import threading
import traceback
from collections import deque
from collections.abc import Iterator
from functools import partial
from itertools import chain
from traceback import TracebackException
from types import CodeType, ModuleType


def load(source: str, name: str, file: str) -> tuple[CodeType, ModuleType]:
    """The code, and an empty module for it; tracebacks will show the source's lines."""
    lines = source.splitlines(keepends=True)
    linecache.cache[file] = (len(source), None, lines, file)
    module = ModuleType(name)
    sys.modules[name] = module
    return compile(source, file, "exec", dont_inherit=True), module


def run(code: CodeType, module: ModuleType, token_fd: int, proof_fd: int) -> None:
    """Run the code; if it comes to its end, write the token."""
    deque(_steps(code, module, token_fd, proof_fd), 0)


def _steps(
    code: CodeType, module: ModuleType, token_fd: int, proof_fd: int
) -> Iterator[int | None]:
    token = os.read(token_fd, 64)
    os.close(token_fd)
    return chain(map(exec, (code,), (module.__dict__,)), map(partial(os.write, proof_fd), (token,)))


def finish() -> None:
    """What the interpreter does after a program: wait for its threads, call its exit functions."""
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    atexit._run_exitfuncs()
    sys.stdout.flush()


def report(error: BaseException) -> None:
    """Print the traceback, without our own frames."""
    trace = traceback.TracebackException.from_exception(error, limit=-40)
    own = os.path.dirname(__file__)
    seen: TracebackException | None = trace
    while seen is not None:
        frames = [frame for frame in seen.stack if os.path.dirname(frame.filename) != own]
        seen.stack = traceback.StackSummary.from_list(frames)
        seen = seen.__cause__ or seen.__context__
    sys.stderr.write("".join(trace.format()))
    sys.stderr.flush()
