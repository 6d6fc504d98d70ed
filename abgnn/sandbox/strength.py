"""The strength of sandbox that this machine can make, by trying."""

from __future__ import annotations

import shutil
import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

Strength = Literal["process", "namespaces", "bubblewrap"]
STRENGTHS: tuple[Strength, ...] = get_args(Strength)  # from the weakest to the strongest

_LIBRARIES = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/share/zoneinfo")
_LINKS = ("/lib", "/lib64")
_FILES = ("/etc/ld.so.cache", "/etc/localtime")
_PACKAGES = ("site-packages", "dist-packages")


@dataclass(frozen=True)
class View:
    """What a program may see of the machine's files.

    Args:
        readable: absolute paths; parents before what lies in them.
        hidden: folders within them that it may not see.
        packages: folders of installed packages that it may import from.
    """

    readable: tuple[str, ...]
    hidden: tuple[str, ...]
    packages: tuple[str, ...]

    @classmethod
    def of(cls, *, packages: bool) -> View:
        """The libraries that an interpreter needs, and installed packages if asked for."""
        places = sysconfig.get_paths()
        stdlib = (places["stdlib"], places["platstdlib"], str(Path(sys.base_prefix, "lib")))
        libraries = _existing((*_LIBRARIES, *_LINKS, *_FILES, *stdlib))
        sites = tuple(p for p in _on_path() if Path(p).name in _PACKAGES) if packages else ()
        every = [str(s) for p in libraries for s in Path(p).glob("python3*/*-packages")]
        hidden = tuple(sorted(set(every) - set(sites)))
        return cls((*libraries, *_existing(sites)), hidden, sites)


def _on_path() -> list[str]:
    """The import path without what cannot be there: zip files, missing folders."""
    return [path for path in dict.fromkeys(sys.path) if Path(path).is_dir()]


def _existing(paths: Iterable[str]) -> tuple[str, ...]:
    """Those that exist, each once, shorter ones first."""
    existing = {str(Path(path)) for path in paths if Path(path).exists()}
    return tuple(sorted(existing, key=lambda path: (path.count("/"), path)))


def bubblewrap(view: View, guest: str, python: str) -> list[str]:
    """The command that puts what follows it into a bubblewrap sandbox, as its first process."""
    command = [shutil.which("bwrap") or "bwrap", "--unshare-all", "--die-with-parent"]
    command += ["--new-session", "--as-pid-1", "--cap-drop", "ALL", "--uid", "65534"]
    command += ["--gid", "65534", "--dev", "/dev"]
    for path in (*view.readable, guest, python):
        if Path(path).is_symlink():
            command += ["--symlink", str(Path(path).readlink()), path]
        else:
            command += ["--ro-bind", path, path]
    for path in view.hidden:
        command += ["--tmpfs", path]
    return [*command, "--tmpfs", "/box", "--remount-ro", "/", "--chdir", "/box", "--"]


def usable(strength: Strength) -> bool:
    """Whether it is worth trying on this platform."""
    if strength == "bubblewrap":
        return shutil.which("bwrap") is not None
    return strength == "process" or sys.platform.startswith("linux")
