"""Landlock: which files may be opened, also for who cannot make namespaces (Linux 5.13).

A process so confined can read no `/proc` entry of anybody outside either.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

from . import kernel

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_CHANGE = 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8  # remove and make folders and files
_TRUNCATE = 1 << 14
_TCP, _SCOPED = 0b11, 0b11  # bind and connect; abstract sockets and signals


def prepare(readable: Iterable[str], hidden: Iterable[str], folder: str) -> int:
    """Rules for `install`, as a descriptor: made once, for every program of a worker.

    Args:
        readable: folders and files to read from, except what lies in `hidden`.
        hidden: folders.
        folder: may be written, too.

    Raises:
        OSError: the kernel has no Landlock.
    """
    version = kernel.call("syscall", _CREATE, None, 0, 1)
    files = (1 << 13) - 1 | (1 << 13 if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
    words = [files, _TCP if version >= 4 else 0, _SCOPED if version >= 6 else 0]
    known = 1 if version < 4 else 2 if version < 6 else 3
    attributes = struct.pack(f"={known}Q", *words[:known])
    rules = kernel.call("syscall", _CREATE, attributes, len(attributes), 0)
    masks = {Path(path) for path in hidden}
    try:
        for path in readable:
            for visible in _around(Path(path), masks):
                _allow(rules, visible, _READ_FILE | _READ_DIR)
        _allow(rules, Path("/dev/null"), _READ_FILE | _WRITE_FILE)
        own = _READ_FILE | _READ_DIR | _WRITE_FILE | _CHANGE | _TRUNCATE
        _allow(rules, Path(folder), own & files)
    except OSError:
        os.close(rules)
        raise
    return rules


def install(rules: int) -> None:
    """Confine this thread and all that it starts, for good; needs `no_new_privs`."""
    kernel.call("syscall", _RESTRICT, rules, 0)
    os.close(rules)


def _around(root: Path, masks: set[Path]) -> Iterator[Path]:
    """What to allow so that `root` without the masks is allowed."""
    if root in masks:
        return
    if not any(root in mask.parents for mask in masks):
        yield root
        return
    for entry in os.scandir(root):
        yield from _around(Path(entry.path), masks)


def _allow(rules: int, path: Path, access: int) -> None:
    if not path.is_dir():
        access &= _READ_FILE | _WRITE_FILE
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        rule = ctypes.create_string_buffer(struct.pack("=Qi", access, fd))
        kernel.call("syscall", _ADD, rules, 1, rule, 0)
    finally:
        os.close(fd)
