"""What a head file says of itself, read without torch: how it was made, and for which encoder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from abgnn.errors import ConfigError

FORMAT = "abgnn-difficulty-1"


@dataclass(frozen=True, slots=True)
class HeadHeader:
    """The header of a file that `save_head` wrote.

    Args:
        args: of the estimator: encoder, width, whether counts are read.
        tasks: that have an intercept of their own.
    """

    args: Mapping[str, Any]
    tasks: tuple[str, ...]


def read_header(path: str | Path) -> HeadHeader:
    """The header; no weight is read.

    Raises:
        ConfigError: no such file, or another kind of file.
    """
    try:
        with safe_open(str(path), "np") as file:
            header = json.loads((file.metadata() or {}).get("abgnn", "{}"))
    except (OSError, SafetensorError) as error:
        allowed = "a file of `abgnn difficulty fit`"
        raise ConfigError("difficulty head", str(path), allowed) from error
    if header.get("format") != FORMAT:
        raise ConfigError("difficulty head", str(path), f"a file of format {FORMAT}")
    return HeadHeader(header["args"], tuple(header["tasks"]))
