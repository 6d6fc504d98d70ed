"""Arguments of classes in a saved folder: numbers and words, no paths, no keys, no code."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from abgnn.data.resources import config_root
from abgnn.errors import ConfigError

_MOST = 2**53
_LONGEST = 10_000
_FILE = re.compile(
    r"~.*|.*[/\\].*|.*\.(ya?ml|jsonl?|csv|tsv|parquet|sqlite3?|db|ckpt|pt|pth|bin|pkl|gguf|txt|py)",
    re.IGNORECASE | re.DOTALL,
)
_ENCODER = re.compile(r"sentence-transformers/[\w.-]+")


def check_plain(value: Any, field: str, words: Collection[str]) -> None:
    """
    Args:
        value: numbers, texts, lists and mappings of them.
        field: where it stands, for messages.
        words: names that may look like paths: of LLMs, roles and encoders.

    Raises:
        ConfigError: something else, a path, or a text that is none of a packaged config either.
    """
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, str):
        _check_text(value, field, words)
    elif isinstance(value, int | float):
        if not abs(value) <= _MOST:  # nan neither
            raise ConfigError(field, value, f"a number from -{_MOST} to {_MOST}")
    elif isinstance(value, list | dict):
        if len(value) > _LONGEST:
            raise ConfigError(field, f"{len(value)} entries", f"at most {_LONGEST}")
        for name, part in _parts(value):
            check_plain(part, f"{field}.{name}", words)
    else:
        raise ConfigError(field, type(value).__name__, "numbers, texts, lists and mappings of them")


def largest(value: Any) -> float:
    """The largest number in plain values; 0: none."""
    if isinstance(value, list | dict):
        return max((largest(part) for _, part in _parts(value)), default=0.0)
    return value if isinstance(value, int | float) else 0.0


def check_encoder(name: Any, trusted: Collection[str]) -> None:
    """
    Raises:
        ConfigError: a text encoder of somebody that the user has not named.
    """
    known = name == "offline" or (isinstance(name, str) and _ENCODER.fullmatch(name))
    if not known and name not in trusted:
        allowed = "offline, sentence-transformers/…, or one that you name: trust=('…',) (--trust)"
        raise ConfigError("encoder", name, allowed)


def _parts(value: list[Any] | dict[str, Any]) -> Iterator[tuple[object, Any]]:
    return iter(value.items() if isinstance(value, dict) else enumerate(value))


def _check_text(text: str, field: str, words: Collection[str]) -> None:
    if text in words or _ENCODER.fullmatch(text) or not _FILE.fullmatch(text) or _packaged(text):
        return
    raise ConfigError(field, text, "no path: a saved system holds all that it needs")


def _packaged(text: str) -> bool:
    """A config that comes with abgnn, on this machine as on any other."""
    parts = PurePosixPath(text)
    inside = ".." not in parts.parts and not parts.is_absolute() and "\\" not in text
    plain = inside and not PureWindowsPath(text).drive
    return plain and Path(config_root(), text).is_file()
