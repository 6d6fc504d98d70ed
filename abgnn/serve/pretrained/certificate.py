"""A certificate of `abgnn certify --out` as plain data, checked for what the card tells of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from abgnn.errors import ConfigError
from abgnn.serve.pretrained.files import CERTIFICATE, MOST_BYTES

_NUMBER = (int, float)
_HEAD: Mapping[str, Any] = {"verdict": str, "label": str, "n": int, "confidence": _NUMBER}
_FINDING: Mapping[str, Any] = {"name": str, "budget": _NUMBER, "value": _NUMBER, "verdict": str}


def read_certificate(path: str | Path) -> dict[str, Any]:
    """
    Raises:
        ConfigError: no such file, or none that `abgnn certify --out` wrote.
    """
    try:
        if Path(path).stat().st_size > MOST_BYTES[CERTIFICATE]:
            raise ConfigError("certificate", str(path), f"at most {MOST_BYTES[CERTIFICATE]} bytes")
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, ConfigError):
            raise
        raise refused(str(path)) from error
    return checked(data, str(path))


def checked(data: Any, where: str) -> dict[str, Any]:
    """The certificate itself.

    Raises:
        ConfigError: it lacks what one has.
    """
    if not isinstance(data, Mapping) or not isinstance(data.get("findings"), list):
        raise refused(where)
    entries = [(data, _HEAD), *((finding, _FINDING) for finding in data["findings"])]
    for entry, types in entries:
        for name, kind in types.items():
            if not isinstance(entry, Mapping) or not isinstance(entry.get(name), kind):
                raise refused(where)
    return dict(data)


def refused(where: str) -> ConfigError:
    """The error for another kind of file."""
    return ConfigError("certificate", where, "a file that `abgnn certify --out` wrote")
