"""The inner wall: an audit hook, which cannot be removed once it is set.

It works on every platform and under every strength, and its errors say in plain words what was
refused. It is Python within the program's own interpreter, so the kernel's walls come first.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import count

_EVENTS = frozenset(
    {"os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system", "os.exec", "os.startfile"}
    | {"os.kill", "os.killpg", "os.link", "os.symlink", "os.chown", "os.setxattr", "pty.spawn"}
    | {"subprocess.Popen", "_posixsubprocess.fork_exec", "sys._current_frames", "sys.remote_exec"}
    | {"sys._current_exceptions", "gc.get_objects", "gc.get_referrers", "gc.get_referents"}
    | {"sqlite3.enable_load_extension", "sqlite3.load_extension", "syslog.openlog"}
)
_PREFIXES = "ctypes."
DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")
_IMPORTS = frozenset({"_ctypes", "readline"})
_PROCESS_IMPORTS = frozenset({"_posixsubprocess", "_socket"})
_CHANGES = frozenset(
    {"os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.chmod", "os.utime", "os.chdir"}
    | {"os.rename"}
)
_READS = frozenset({"os.listdir", "os.scandir"})
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_UNIX = 1  # AF_UNIX: a socket pair, which event loops need
MOST_FILES = 256  # opened for writing, or made folders, in one run

Hook = Callable[[str, tuple[object, ...]], None]


def make_hook(
    readable: tuple[str, ...], hidden: tuple[str, ...], folder: str, *, kernel_wall: bool
) -> Hook:
    """The hook for one program.

    It looks only at arguments of the exact types `str`, `bytes` and `int`, so that no method of
    the program's runs inside it, and holds nothing that could be changed: an exception that it
    raises carries its frame to the program.

    Args:
        readable: absolute paths that may be read, except below `hidden`.
        hidden: absolute paths.
        folder: absolute path of the folder that may be written.
        kernel_wall: whether a system call filter stands behind; if not, the modules that start
            processes and open sockets cannot be imported either.
    """
    kind, is_int, error, step = type, int, PermissionError, next
    read, change = _checks(readable, hidden, folder)
    imports = _IMPORTS if kernel_wall else _IMPORTS | _PROCESS_IMPORTS
    events, changes, reads, prefixes = _EVENTS, _CHANGES, _READS, _PREFIXES
    writing, unix, most, used = _WRITING, _UNIX, MOST_FILES, count()

    def hook(event: str, args: tuple[object, ...]) -> None:
        if event == "open":
            flags = args[2]
            if kind(flags) is is_int and flags & writing:  # type: ignore[operator]
                change(args[0])
                if step(used) >= most:
                    raise error("too many files")
            else:
                read(args[0])
        elif event == "import":
            name = args[0]
            if kind(name) is str and name in imports:
                raise ImportError(f"{name} is refused here")
        elif event in events or (event[:7] == "socket." and event != "socket.__new__"):
            raise error(event + " is refused here")
        elif event == "socket.__new__":
            if kind(args[1]) is not is_int or args[1] != unix:
                raise error("sockets are refused here")
        elif event in changes:
            change(args[0])
            if event == "os.rename":
                change(args[1])
            elif event == "os.mkdir" and step(used) >= most:
                raise error("too many files")
        elif event in reads:
            read(args[0])
        elif event == "sqlite3.connect":
            if kind(args[0]) is not str or args[0] != ":memory:":
                change(args[0])
        elif event == "resource.prlimit":
            if kind(args[0]) is not is_int or args[0] != 0:
                raise error("limits of other processes are refused here")
        elif event[:7] == prefixes:
            raise error(event + " is refused here")

    return hook


def _checks(
    readable: tuple[str, ...], hidden: tuple[str, ...], folder: str
) -> tuple[Callable[[object], None], Callable[[object], None]]:
    """What raises for a path that may not be read, and for one that may not be changed."""
    kind, is_int, is_str, is_bytes, size, error = type, int, str, bytes, len, PermissionError
    getcwd, decode = os.getcwd, bytes.decode
    home = _parts(folder)
    shown = (home, *(_parts(path) for path in (*readable, *DEVICES)))
    closed = tuple(_parts(path) for path in hidden)

    def place(path: object) -> tuple[str, ...]:
        if kind(path) is is_bytes:
            path = decode(path, "utf-8", "surrogateescape")  # type: ignore[arg-type]
        elif path is None:
            path = "."
        if kind(path) is not is_str:
            raise error("a path that is no text is refused here")
        whole: str = path if path[:1] == "/" else getcwd() + "/" + path  # type: ignore
        parts: tuple[str, ...] = ()
        for part in whole.split("/"):
            if part == "..":
                parts = parts[:-1]
            elif part not in ("", "."):
                parts = (*parts, part)
        return parts

    def read(path: object) -> None:
        if kind(path) is is_int:
            return  # a descriptor that is open already
        parts = place(path)
        for root in closed:
            if parts[: size(root)] == root:
                break
        else:
            for root in shown:
                if parts[: size(root)] == root:
                    return
        raise error("reading is refused here, outside the program's own folder")

    def change(path: object) -> None:
        if kind(path) is is_int or (kind(path) is is_str and path == "/dev/null"):
            return
        if place(path)[: size(home)] != home:
            raise error("writing is refused here, outside the program's own folder")

    return read, change


def _parts(path: str) -> tuple[str, ...]:
    return tuple(part for part in path.split("/") if part)
