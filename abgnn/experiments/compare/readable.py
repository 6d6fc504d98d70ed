"""Rows that read answers are refused, before any call, where these say nothing."""

from __future__ import annotations

from typing import Any

from abgnn.errors import ConfigError
from abgnn.experiments.compare.config import Comparison
from abgnn.experiments.compare.controls import READING, SAMPLED, VOTING


def check_readable(comparison: Comparison, label: str, data: Any) -> None:
    """
    Args:
        comparison: its methods.
        label: of its world.
        data: its datamodule.

    Raises:
        ConfigError: a table of nothing but scores, votes among programs, or a row that asks an LLM
            again in a world where it always says the same.
    """
    programs = bool(getattr(data, "programs", False))
    for method in comparison.methods:
        where = f"methods[{method.name}].plain"
        if method.plain in SAMPLED and label == "recorded":
            allowed = "a world that can ask an LLM again: simulated, or live"
            raise ConfigError(where, method.plain, allowed)
        if method.plain in VOTING and programs:
            allowed = "answers with keys, such as letters and numbers; programs have none"
            raise ConfigError(where, method.plain, allowed)
        if method.plain in (*READING, *VOTING):
            check_answers(where, method.plain, data)


def check_answers(where: str, row: str, data: Any) -> None:
    """
    Raises:
        ConfigError: the row reads answers, and the data are a table of nothing but scores.
    """
    table = getattr(data, "table", None)
    if table is not None and not any(map(any, table.keys or table.responses)):
        allowed = "a table of answers with keys, as the layout `answers` has them, or of texts"
        raise ConfigError(where, row, allowed)
