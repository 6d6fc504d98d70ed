"""The walls (limits, rights, filters) that confine a child before its program runs."""

from __future__ import annotations

import os
import resource
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass

from . import kernel, landlock, seccomp
from .refusals import make_hook

FILE_BYTES = 4 << 20
OPEN_FILES = 64
THREADS = 64


@dataclass(frozen=True)
class Walls:
    """The walls of one worker; a test may leave some out, to see that the others hold.

    Args:
        readable: absolute paths that programs may read.
        hidden: folders within them that they may not.
        user: user and group id that programs get; None: the worker's own.
        rules: Landlock's, see `landlock.prepare`; None: there is none.
        audit, seccomp: whether these walls stand.
        namespace: whether user and process ids are the worker's own, so that limits on
            processes count nothing else.
    """

    readable: tuple[str, ...]
    hidden: tuple[str, ...]
    user: int | None
    rules: int | None = None
    audit: bool = True
    seccomp: bool = True
    namespace: bool = False

    def close(self, folder: str, cpu_s: int, memory_mb: int) -> None:
        """Limits, rights and filters, for good; the audit hook comes last."""
        os.umask(0o077)
        for kind, value in (
            (resource.RLIMIT_CPU, cpu_s),
            (resource.RLIMIT_AS, memory_mb << 20),
            (resource.RLIMIT_FSIZE, FILE_BYTES),
            (resource.RLIMIT_NOFILE, OPEN_FILES),
            (resource.RLIMIT_CORE, 0),
        ):
            _limit(kind, value)
        if self.user is not None:
            os.setgroups([])
            os.setregid(self.user, self.user)
            os.setreuid(self.user, self.user)
        filtered = sys.platform.startswith("linux") and self._close_kernel()
        if self.namespace or (self.seccomp and not filtered):
            _limit(resource.RLIMIT_NPROC, THREADS if self.namespace else 0)
        if self.audit:
            hook = make_hook(self.readable, self.hidden, folder, kernel_wall=filtered)
            sys.addaudithook(hook)

    def _close_kernel(self) -> bool:
        """What Linux offers; whether the system call filter stands."""
        with suppress(OSError):
            kernel.drop_capabilities()
        for option, value in (
            (kernel.PR_SET_PDEATHSIG, signal.SIGKILL),
            (kernel.PR_SET_NO_NEW_PRIVS, 1),
            (kernel.PR_SET_DUMPABLE, 0),
        ):
            with suppress(OSError):
                kernel.prctl(option, value)
        if self.rules is not None:
            with suppress(OSError):
                landlock.install(self.rules)
        return self._filter()

    def _filter(self) -> bool:
        if not self.seccomp:
            return False
        try:
            seccomp.install()
        except OSError:
            return False
        return True


def _limit(kind: int, value: int) -> None:
    """Lower a resource limit for good; one that the platform lacks is passed over."""
    with suppress(OSError, ValueError):
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))
