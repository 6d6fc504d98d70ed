"""A saved folder that many tests read, and copies of it that one test may spoil."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from abgnn import System

CONFIG = "simulated/general.yaml"
Spoil = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The untrained policy of the packaged config; for reading."""
    folder = tmp_path_factory.mktemp("saved") / "system"
    with System.load(CONFIG) as system:
        system.save_pretrained(folder)
    return folder


@pytest.fixture
def spoilt(saved: Path, tmp_path: Path) -> Callable[[Spoil], Path]:
    """A copy whose config a function has changed."""

    def made(change: Spoil) -> Path:
        folder = tmp_path / "spoilt"
        shutil.copytree(saved, folder)
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        change(config)
        (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
        return folder

    return made
