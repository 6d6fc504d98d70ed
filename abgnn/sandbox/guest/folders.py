"""Removing what a program has left, however deep."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from itertools import count


def remove_folder(path: str) -> None:
    """Remove a folder with all that is in it; what resists stays.

    Depth is no obstacle, as it is to `shutil.rmtree`: a folder's content is moved up before the
    folder goes, so no path grows long and nothing recurses.
    """
    tag, numbers = secrets.token_hex(8), count()
    with suppress(OSError):
        while entries := list(os.scandir(path)):
            for entry in entries:
                if not entry.is_dir(follow_symlinks=False):
                    os.unlink(entry.path)
                    continue
                os.chmod(entry.path, 0o700)
                for inner in list(os.scandir(entry.path)):
                    if inner.is_dir(follow_symlinks=False):
                        os.chmod(inner.path, 0o700)  # to be moved, it must be writable
                    os.rename(inner.path, os.path.join(path, f"{tag}-{next(numbers)}"))
                os.rmdir(entry.path)
        os.rmdir(path)
