"""Paths of configs: the user's own path first, else the packaged `configs/`. Reads no content."""

from __future__ import annotations

import difflib
from pathlib import Path

from abgnn.errors import ConfigError


def config_root() -> Path:
    """The packaged configs: `abgnn/configs` in an installed wheel, `configs` in a checkout."""
    package = Path(__file__).parents[1]
    wheel = package / "configs"
    return wheel if wheel.is_dir() else package.parent / "configs"


def config_path(name: str | Path, field: str = "config") -> Path:
    """A config file: `name` itself (absolute, or from the current folder), else the packaged one.

    Args:
        name: of the file.
        field: what named it, for the error.

    Raises:
        ConfigError: no such file; the message lists packaged configs with a similar name.
    """
    for path in (Path(name), config_root() / name):
        if path.is_file():
            return path
    raise ConfigError(field, str(name), _nearest(Path(name)))


def _nearest(name: Path) -> str:
    """What the user may have meant, in words."""
    root = config_root()
    known = {p.relative_to(root).as_posix(): p.stem for p in sorted(root.rglob("*.yaml"))}
    stems = difflib.get_close_matches(name.stem, set(known.values()), n=3, cutoff=0.5)
    near = difflib.get_close_matches(name.as_posix(), known, n=3, cutoff=0.6)
    near += [path for path, stem in known.items() if stem in stems and path not in near]
    listed = ", ".join(near or known)
    return f"an existing file, or a packaged config such as {listed}" if listed else "a file"
