"""What a Ray node gets: abgnn as it is here, the user's modules, and the files that are named.

Nothing else leaves this machine: no other file of the folder, no `.env`, no recording; and no URL
with a password, which every node takes from its own environment (`PGPASSWORD`, `~/.pgpass`).
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from abgnn.data.resources import config_path, config_root
from abgnn.errors import ConfigError

PACKAGES = ("abgnn", "datamodules")
_SECRET = re.compile(r"://[^/@\s]*:[^/@\s]+@")
_WRITTEN = {"recording", "trace", "out", "save_dir"}  # keys of files to write
_CLUTTER = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")


def stage(names: Iterable[str], folder: Path) -> None:
    """Fill a folder with all that a node needs to run this process's jobs.

    Args:
        names: of configs, and any other texts, such as a command's arguments; files below the
            working folder that they name are taken, and those that named YAML files name.
        folder: the node's working folder and first place to import from.

    Raises:
        ConfigError: a text or a named file states a URL with a password.
    """
    for name in PACKAGES:
        shutil.copytree(_source(name), folder / name, ignore=_CLUTTER)
    shutil.copytree(config_root(), folder / "abgnn" / "configs", dirs_exist_ok=True)
    for path in [*_modules(Path()), *named_files(names)]:
        if not (folder / path).exists():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, folder / path)


def named_files(names: Iterable[str]) -> list[Path]:
    """Files below the working folder that texts name, and those that these name in turn."""
    left = [("arguments", name) for name in names]
    seen: set[str] = set()
    found: list[Path] = []
    while left:
        where, text = left.pop()
        if _SECRET.search(text):
            allowed = "a URL without a password; each node has its own PGPASSWORD or ~/.pgpass"
            raise ConfigError(where, _SECRET.sub("://***@", text), allowed)
        flag, _, value = text.partition("=")
        for word in {text, value} - seen - {""}:
            path = None if _is_written(f"{where}.{flag}") else _file(word)
            if path is None:
                continue
            seen.add(word)
            if not path.is_absolute() and ".." not in path.parts:
                found.append(path)
            if path.suffix in (".yaml", ".yml"):
                content = yaml.safe_load(path.read_text(encoding="utf-8"))
                left += [(f"{word}: {key}", value) for key, value in _texts(content)]
    return sorted(set(found))


def _is_written(key: str) -> bool:
    """Whether a key or flag names a file that is written: no node needs what is in it."""
    return not _WRITTEN.isdisjoint(re.split(r"[.\s:=-]+", key))


def _file(word: str) -> Path | None:
    """The file or packaged config of this name."""
    try:
        return config_path(word) if word.endswith((".yaml", ".yml")) else _existing(Path(word))
    except (ConfigError, OSError, ValueError):  # no file, or no name of one
        return None


def _existing(path: Path) -> Path | None:
    return path if path.is_file() else None


def _texts(content: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every text in a YAML file's content with its key."""
    if isinstance(content, str):
        yield key, content
    elif isinstance(content, dict):
        for name, value in content.items():
            yield from _texts(value, f"{key}.{name}" if key else str(name))
    elif isinstance(content, list):
        for value in content:
            yield from _texts(value, key)


def _source(package: str) -> str:
    spec = find_spec(package)
    assert spec is not None, "installed beside this file"
    [folder] = spec.submodule_search_locations or []
    return folder


def _modules(folder: Path) -> Iterator[Path]:
    """The user's modules and packages, which a config may name by `class_path`."""
    yield from sorted(folder.glob("*.py"))
    for package in sorted(folder.glob("*/__init__.py")):
        yield from sorted(package.parent.rglob("*.py"))
