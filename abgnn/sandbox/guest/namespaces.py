"""New user, process, network, mount, IPC and host name spaces, with a file system of its own.

The new root is a small tmpfs that holds, read-only, the interpreter's libraries, four devices, and
one folder that may be written. No home folder, no `/proc`, no `/etc`, no shell, no network.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

from . import kernel

NOBODY = 65534
FOLDER = "/box"  # where programs run
_FOLDER_LIMITS = "size=32m,nr_inodes=1k,mode=755"
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")
_FLAGS = {1024: 1024, 2048: 2048, 4096: 1 << 21, 2: 2, 4: 4, 8: 8}  # ST_* of statvfs → MS_*


def enter(
    readable: list[str], hidden: list[str], folder: str, pipes: tuple[int, ...]
) -> int | None:
    """Return in the first process of new namespaces; the caller's stays behind, waiting for it.

    Args:
        readable: paths to show, read-only; links are shown as links.
        hidden: folders within them to show empty.
        folder: an empty folder, to build the new root on.
        pipes: descriptors that only the new first process keeps.

    Returns:
        The user id that programs should get: one that the host knows as nobody. None: there is
        only one id, that of the user who started us.

    Raises:
        OSError: the kernel refuses.
    """
    two = os.geteuid() == 0
    if two:
        _map_from_outside()
    else:
        ids = os.geteuid(), os.getegid()
        kernel.call("unshare", kernel.CLONE_NEWUSER)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{NOBODY} {ids[0]} 1")
        Path("/proc/self/gid_map").write_text(f"{NOBODY} {ids[1]} 1")
    kernel.call(
        "unshare",
        kernel.CLONE_NEWNS
        | kernel.CLONE_NEWPID
        | kernel.CLONE_NEWNET
        | kernel.CLONE_NEWIPC
        | kernel.CLONE_NEWUTS,
    )
    if child := os.fork():
        _stay_behind(child, pipes)
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    _build_root(readable, hidden, folder)
    return NOBODY if two else None


def _map_from_outside() -> None:
    """Root keeps its id and gets nobody's; only a process outside may write two lines."""
    target, (wait, go) = os.getpid(), os.pipe()
    helper = os.fork()
    if not helper:
        status = 1
        try:
            os.read(wait, 1)
            for name in ("uid_map", "gid_map"):
                Path(f"/proc/{target}/{name}").write_text(f"0 0 1\n{NOBODY} {NOBODY} 1\n")
            status = 0
        finally:
            os._exit(status)
    try:
        kernel.call("unshare", kernel.CLONE_NEWUSER)
    finally:
        os.write(go, b"x")
        status = os.waitpid(helper, 0)[1]
        os.close(wait)
        os.close(go)
    if status:
        raise PermissionError("user ids cannot be mapped")
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)


def _stay_behind(child: int, pipes: tuple[int, ...]) -> None:
    for fd in pipes:
        os.close(fd)
    os.waitpid(child, 0)
    os._exit(0)


def _build_root(readable: list[str], hidden: list[str], folder: str) -> None:
    locked = kernel.MS_NOSUID | kernel.MS_NODEV
    kernel.mount("", "/", "", kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("tmpfs", folder, "tmpfs", locked, "size=1m,mode=755")
    for path in (*readable, *_DEVICES):
        _show(Path(path), Path(folder + path))
    for path in hidden:
        if os.path.isdir(folder + path):
            kernel.mount("tmpfs", folder + path, "tmpfs", locked | kernel.MS_RDONLY)
    os.mkdir(folder + FOLDER)
    kernel.mount("tmpfs", folder + FOLDER, "tmpfs", locked | kernel.MS_NOEXEC, _FOLDER_LIMITS)
    kernel.swap_root(folder)
    kernel.mount("", "/", "", kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY | locked)


def _show(source: Path, target: Path) -> None:
    """Bind a file or folder read-only; what is not there, or is there already, is passed over."""
    if target.exists() or target.is_symlink() or not source.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_symlink():
        target.symlink_to(os.readlink(source))
        return
    if source.is_dir():
        target.mkdir()
    else:
        target.touch()
    kernel.mount(str(source), str(target), "", kernel.MS_BIND | kernel.MS_REC)
    if str(source) in _DEVICES:
        return
    kept = os.statvfs(target).f_flag
    flags = sum(flag for bit, flag in _FLAGS.items() if kept & bit)
    remount = kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY | kernel.MS_NOSUID
    kernel.mount("", str(target), "", remount | flags)
