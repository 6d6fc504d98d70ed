"""Rows that read answers are refused, before any call, where answers cannot be compared."""

from __future__ import annotations

from typing import Any

from abgnn.errors import ConfigError
from abgnn.experiments.compare.config import Comparison
from abgnn.experiments.compare.controls import READING, SAMPLED


def check_readable(comparison: Comparison, label: str, data: Any) -> None:
    """
    Args:
        comparison: its methods.
        label: of its world.
        data: its datamodule.

    Raises:
        ConfigError: programs, a table without keys, or a row that asks an LLM again in a world
            where it always says the same.
    """
    for method in comparison.methods:
        where = f"methods[{method.name}].plain"
        if method.plain in SAMPLED and label == "recorded":
            allowed = "a world that can ask an LLM again: simulated, or live"
            raise ConfigError(where, method.plain, allowed)
        if method.plain in READING and not _has_keys(data):
            allowed = "answers with keys (letters, numbers, the layout `answers`); programs and "
            allowed += "tables of scores have none"
            raise ConfigError(where, method.plain, allowed)


def _has_keys(data: Any) -> bool:
    table = getattr(data, "table", None)
    if table is not None:
        return any(map(any, table.keys or table.responses))
    return getattr(data, "key", None) is not None and not getattr(data, "programs", False)
