"""A YAML of `abgnn difficulty fit`: tables of outcomes, and `FitSettings`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from abgnn.data.resources import config_path
from abgnn.difficulty.fit import FitSettings
from abgnn.errors import ConfigError
from abgnn.outcomes.layouts import read_outcomes
from abgnn.outcomes.table import OutcomeTable

_TABLE_KEYS = ("path", "layout", "tasks")
_KINDS: dict[str, tuple[type, ...]] = {"bool": (bool,), "int": (int,), "str": (str,)}


@dataclass(frozen=True)
class DifficultyConfig:
    """What is learned from, and how.

    Args:
        tables: for each, `path`, and where wanted `layout` and `tasks` of `read_outcomes`.
        settings: of the training.
    """

    tables: tuple[Mapping[str, Any], ...]
    settings: FitSettings

    @classmethod
    def from_yaml(cls, name: str, overrides: Mapping[str, Any]) -> DifficultyConfig:
        """A file, or a packaged config; overrides that are not None come first.

        Raises:
            ConfigError: a key that does not exist, or a value of another type.
        """
        path = config_path(name)
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        if not isinstance(content, dict):
            raise ConfigError(str(path), type(content).__name__, "a mapping of keys")
        merged = {**content, **{k: v for k, v in overrides.items() if v is not None}}
        tables = merged.pop("tables", None)
        if not tables:
            raise ConfigError(f"{path}: tables", tables, "tables here, or a file by --path")
        for n, table in enumerate(tables):
            _check_table(table, f"{path}: tables[{n}]")
        return cls(tuple(tables), FitSettings(**_checked(merged, str(path))))

    def read(self) -> list[OutcomeTable]:
        """The tables, read."""
        return [read_table(**table) for table in self.tables]


def read_table(path: str | Path, layout: Any = "auto", tasks: Any = None) -> OutcomeTable:
    """A table of outcomes; `tasks` is a list, `paper`, or names with commas between."""
    if isinstance(tasks, str) and tasks != "paper":
        tasks = [name.strip() for name in tasks.split(",")]
    return read_outcomes(path, layout, tasks=tasks)


def _check_table(table: Any, field: str) -> None:
    if not isinstance(table, Mapping) or "path" not in table:
        raise ConfigError(field, table, "a mapping with a path")
    unknown = set(table) - set(_TABLE_KEYS)
    if unknown:
        raise ConfigError(field, sorted(unknown), f"keys {', '.join(_TABLE_KEYS)}")


def _checked(values: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Keys and types of `FitSettings`; YAML reads 1e-5 as a string, which is a number here."""
    kinds = {f.name: str(f.type) for f in fields(FitSettings)}
    checked: dict[str, Any] = {}
    for key, value in values.items():
        if key not in kinds:
            raise ConfigError(f"{path}: {key}", value, f"no such key; one of {', '.join(kinds)}")
        checked[key] = _as(kinds[key], value, f"{path}: {key}")
    return checked


def _as(kind: str, value: Any, field: str) -> Any:
    if kind == "float":
        try:
            return float(value)
        except (TypeError, ValueError) as error:
            raise ConfigError(field, value, "a number") from error
    if not isinstance(value, _KINDS[kind]) or (kind == "int" and isinstance(value, bool)):
        raise ConfigError(field, value, f"a value of type {kind}")
    return value
