"""A comparison on any table of recorded outcomes: its LLMs, their prices, and budgets for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from abgnn.data.resources import config_path
from abgnn.errors import ConfigError
from abgnn.experiments.compare.config import Comparison
from abgnn.outcomes.catalogue import catalogue_of, write_catalogue
from abgnn.outcomes.table import OutcomeTable

BUDGETS = 4
_DATA = "data.init_args."


def from_table(comparison: Comparison) -> Comparison:
    """With the catalogue of its table, written to the out folder; others are as they are.

    Where no USD budgets are stated there are four between the mean cost of a call of the cheapest
    LLM and that of the dearest, in equal steps of their logarithm.

    Raises:
        ConfigError: no table, or one that cannot be read.
    """
    if not comparison.catalogue_from_table:
        return comparison
    table, profiles = _table(comparison)
    path = Path(comparison.out) / "catalogue.yaml"
    source = f"prices of {len(table.llms)} LLMs as recorded; no published score"
    write_catalogue(catalogue_of(table, profiles, scores=False), path, source)
    budgets = comparison.cost_budgets or inner_budgets(table)
    own = {**comparison.set, "model.mas.catalogue": str(path)}
    return replace(comparison, cost_budgets=budgets, set=own)


def inner_budgets(table: OutcomeTable) -> tuple[float, ...]:
    """Four between the cheapest and the dearest LLM's mean cost, geometric."""
    cost = table.cost.mean(0)
    if not np.isfinite(cost).all() or cost.min() <= 0:
        raise ConfigError("cost_budgets", None, "budgets, for a table without costs above 0")
    return tuple(np.geomspace(cost.min(), cost.max(), BUDGETS + 2)[1:-1].tolist())


def _table(comparison: Comparison) -> tuple[OutcomeTable, str | None]:
    """The datamodule's table, and the file of its profiles."""
    kind, arguments = "", dict[str, Any]()
    for name in comparison.fit:
        content = yaml.safe_load(config_path(name).read_text(encoding="utf-8"))
        data = content.get("data", {}) if isinstance(content, Mapping) else {}
        kind = data.get("class_path", kind)
        arguments |= data.get("init_args", {})
    for key, value in comparison.set.items():
        if key.startswith(_DATA):
            arguments[key.removeprefix(_DATA)] = value
    module, _, name = kind.rpartition(".")
    made = getattr(import_module(module), name)(**arguments) if module else None
    table = getattr(made, "table", None)
    if not isinstance(table, OutcomeTable):
        allowed = "a comparison of a datamodule with a table, such as datamodules.Outcomes"
        raise ConfigError("catalogue_from_table", kind or None, allowed)
    profiles = arguments.get("profiles")
    return table, None if profiles is None else str(profiles)
