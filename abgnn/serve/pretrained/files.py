"""Reading a folder that a stranger may have made: which files, how large, never outside of it."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from abgnn.errors import ConfigError

CONFIG, CARD, CERTIFICATE = "config.json", "README.md", "certificate.json"
PLAN, CALIBRATION = "plan.json", "calibration.json"
WEIGHTS, STATE = "model.safetensors", "state.json"

_MIB = 2**20
MOST_BYTES: Mapping[str, int] = {
    CONFIG: 4 * _MIB,
    CARD: _MIB,
    CERTIFICATE: _MIB,
    PLAN: 64 * _MIB,
    CALIBRATION: 64 * _MIB,
    STATE: 64 * _MIB,
    WEIGHTS: 4096 * _MIB,
}
"""Every file of a saved folder, and the most bytes that are read of it."""

_DEEPEST = 40
_EXECUTES = (".ckpt", ".bin", ".pt", ".pth", ".pkl", ".pickle", ".joblib", ".dill", ".py")


def check_sizes(where: str, sizes: Mapping[str, int | None]) -> None:
    """Refuse what may hold code, and what is too large, by names and sizes alone.

    Raises:
        ConfigError: a pickle or a program among the files, or a file that is too large.
    """
    for name, size in sizes.items():
        if name.lower().endswith(_EXECUTES):
            allowed = f"no pickles or programs; a saved system has {', '.join(MOST_BYTES)}"
            raise ConfigError(f"{where}: file", name, allowed)
        most = MOST_BYTES.get(name)
        if most is not None and size is not None and size > most:
            raise ConfigError(f"{where}: bytes of {name}", size, f"at most {most}")


def check_folder(folder: Path) -> None:
    """Check what lies in a folder before any of it is read.

    Raises:
        ConfigError: no such folder, no saved system in it, or see `check_sizes` and `file_in`.
    """
    try:
        names = sorted(entry.name for entry in os.scandir(folder))
    except OSError as error:
        raise ConfigError("folder", str(folder), "a folder that can be read") from error
    check_sizes(str(folder), dict.fromkeys(names))
    if CONFIG not in names:
        allowed = f"a folder of `System.save_pretrained`, with {CONFIG}"
        raise ConfigError("folder", str(folder), allowed)
    for name in MOST_BYTES:
        if name in names:
            file_in(folder, name)


def file_in(folder: Path, name: str) -> Path | None:
    """One of the folder's files; None: it has none of that name.

    Links may lead to where the hub's client keeps a repository's files, and nowhere else outside.

    Raises:
        ConfigError: a link out of the folder, no plain file, or one that is too large.
    """
    path = folder / name
    if not os.path.lexists(path):
        return None
    try:
        real, homes = path.resolve(strict=True), _homes(folder)
        info = real.stat()
    except (OSError, RuntimeError) as error:  # a link to nothing, or in a circle
        raise ConfigError(f"{folder}: file", name, "a file that can be read") from error
    if not any(real.is_relative_to(home) for home in homes) or not stat.S_ISREG(info.st_mode):
        raise ConfigError(f"{folder}: file", name, "a plain file, no link out of the folder")
    check_sizes(str(folder), {name: info.st_size})
    return path


def _homes(folder: Path) -> list[Path]:
    """The folder itself; of a snapshot in the hub's cache, also where its files really lie."""
    real = folder.resolve(strict=True)
    repository = real.parents[1] if len(real.parents) > 1 else real
    cached = real.parent.name == "snapshots" and repository.name.startswith("models--")
    return [real, repository / "blobs"] if cached else [real]


def read_object(folder: Path, name: str) -> dict[str, Any] | None:
    """A JSON object in the folder, within bounds of size and depth; None: no such file.

    Raises:
        ConfigError: see `file_in`; no JSON object, or one that is nested too deeply.
    """
    path = file_in(folder, name)
    if path is None:
        return None
    where, most = f"{folder}: {name}", MOST_BYTES[name]
    with path.open("rb") as file:
        raw = file.read(most + 1)
    if len(raw) > most:  # it has grown meanwhile
        raise ConfigError(where, f"more than {most} bytes", f"at most {most}")
    try:
        made = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ConfigError(where, f"{len(raw)} bytes", "a JSON object") from error
    if not isinstance(made, dict):
        raise ConfigError(where, type(made).__name__, "a JSON object")
    if _depth_beyond(made, _DEEPEST):
        raise ConfigError(where, "nested values", f"at most {_DEEPEST} levels")
    return made


def _depth_beyond(made: Any, most: int) -> bool:
    level: list[Any] = [made]
    for _ in range(most):
        level = [part for whole in level for part in _containers(whole)]
        if not level:
            return False
    return True


def _containers(whole: Any) -> Iterable[Any]:
    parts = whole.values() if isinstance(whole, dict) else whole
    return (part for part in parts if isinstance(part, (dict, list)))
