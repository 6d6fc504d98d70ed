"""Measured USD and seconds per call, kept in a YAML that replaces estimates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from abgnn.data.resources import config_path
from abgnn.errors import ConfigError

Measured = Mapping[str, tuple[float, float]]
"""Backbone → (USD, seconds) per call."""


def write_measured(measured: Measured, path: Path, label: str) -> None:
    """As YAML that `BaseMAS(measured=...)` reads; says where the figures come from."""
    path.parent.mkdir(parents=True, exist_ok=True)
    calls = {name: {"usd": usd, "seconds": seconds} for name, (usd, seconds) in measured.items()}
    path.write_text(yaml.safe_dump({"source": label, "calls": calls}), encoding="utf-8")


def read_measured(file: str) -> Measured:
    """What `write_measured` wrote."""
    path = config_path(file)
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    try:
        return {name: (float(c["usd"]), float(c["seconds"])) for name, c in data["calls"].items()}
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        allowed = "calls: {backbone: {usd: …, seconds: …}}, as `abgnn pools --calls` writes it"
        raise ConfigError(f"{path.name}: calls", data, allowed) from error
