"""A comparison on any table of recorded outcomes: its LLMs, their prices, and budgets for them."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from abgnn.errors import ConfigError
from abgnn.experiments.compare.config import Comparison, arguments
from abgnn.experiments.compare.run import silence
from abgnn.experiments.experiment import build
from abgnn.outcomes.catalogue import catalogue_of, write_catalogue
from abgnn.outcomes.table import OutcomeTable

BUDGETS = 4
_ANY = "catalogues/paper.yaml"  # until the table's own is there


def from_table(comparison: Comparison) -> Comparison:
    """With the catalogue of its table, written to the out folder; others are as they are.

    Where no USD budgets are stated there are four between the mean cost of a call of the cheapest
    LLM and that of the dearest, in equal steps of their logarithm.

    Raises:
        ConfigError: no table, or one that cannot be read or has no costs.
    """
    if not comparison.catalogue_from_table:
        return comparison
    silence()
    settings = {**comparison.set, "model.mas.catalogue": _ANY}
    data = build(comparison.fit, arguments(settings)).data
    table = getattr(data, "table", None)
    if not isinstance(table, OutcomeTable) or not hasattr(data, "path"):
        allowed = "a comparison of a datamodule with a table, such as datamodules.Outcomes"
        raise ConfigError("catalogue_from_table", type(data).__name__, allowed)
    budgets = comparison.cost_budgets or inner_budgets(table)
    path = Path(comparison.out) / "catalogue.yaml"
    file = Path(data.path)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:16]  # another table: other jobs
    source = f"prices of {len(table.llms)} LLMs as recorded in {file.name} ({digest}), no scores"
    profiles = getattr(data, "profiles", None)
    write_catalogue(catalogue_of(table, profiles, scores=False), path, source)
    settings = {**comparison.set, "model.mas.catalogue": str(path)}
    return replace(comparison, cost_budgets=budgets, set=settings)


def inner_budgets(table: OutcomeTable) -> tuple[float, ...]:
    """Four between the cheapest and the dearest LLM's mean cost, geometric."""
    cost = table.cost.mean(0)
    if not np.isfinite(cost).all() or cost.min() <= 0:
        raise ConfigError("cost_budgets", None, "budgets, for a table without costs above 0")
    return tuple(np.geomspace(cost.min(), cost.max(), BUDGETS + 2)[1:-1].tolist())
