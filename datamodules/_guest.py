"""What runs inside the child process of `run_code`: limits first, then the program, then the token.

Started as `python -I -S -B _guest.py VERDICT_FD CPU_SECONDS`; stdin holds the token in its first
line, the program in the rest. The token is written to VERDICT_FD only if the program runs to its
end. Standard library only: nothing else can be imported here.
"""

from __future__ import annotations

import os
import resource
import sys
from types import ModuleType

LIMITS = {  # bytes, files, processes
    resource.RLIMIT_AS: 1 << 30,
    resource.RLIMIT_FSIZE: 1 << 20,
    resource.RLIMIT_NOFILE: 64,
    resource.RLIMIT_CORE: 0,
    resource.RLIMIT_NPROC: 0,
}
REFUSED_EVENTS = frozenset(
    {"os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system", "os.exec"}
    | {"os.kill", "os.killpg", "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link"}
    | {"os.symlink", "os.truncate", "os.chmod", "os.chown", "os.utime", "subprocess.Popen"}
)
REFUSED_IMPORTS = frozenset({"_posixsubprocess", "_ctypes", "_socket"})


def refuse(event: str, args: tuple[object, ...]) -> None:
    """An audit hook (it cannot be taken off): no processes, signals, sockets or written files."""
    if event == "import" and args[0] in REFUSED_IMPORTS:
        raise ImportError(f"{args[0]} is refused here")
    if event in REFUSED_EVENTS or (event == "open" and _writes(args[2])):
        raise PermissionError(f"{event} is refused here")


def _writes(flags: object) -> bool:
    return isinstance(flags, int) and flags & os.O_ACCMODE != os.O_RDONLY


def set_limit(kind: int, value: int) -> None:
    """Lower a resource limit for good; one that the platform lacks is passed over."""
    try:
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))
    except (OSError, ValueError):
        return


def main(verdict: int, cpu_seconds: int) -> None:
    """Run the program on stdin as a module; write the token if it came to its end."""
    token, _, program = sys.stdin.buffer.read().partition(b"\n")
    set_limit(resource.RLIMIT_CPU, cpu_seconds)
    for kind, value in LIMITS.items():
        set_limit(kind, value)
    module = ModuleType("program")
    sys.modules["program"] = module
    code = compile(program, "program.py", "exec")
    sys.addaudithook(refuse)
    exec(code, module.__dict__)
    os.write(verdict, token)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
