"""Shared by all tests: one encoder and one team, loaded once."""

from __future__ import annotations

import os

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

import sys
import tempfile
from pathlib import Path

import pytest
import torch
from hypothesis import settings

from abgnn.graph.base_mas import BaseMAS

torch.set_num_threads(1)
_CACHE = tempfile.TemporaryDirectory(prefix="abgnn-test-cache-")  # not the user's
os.environ["ABGNN_CACHE"] = _CACHE.name
settings.register_profile("ci", derandomize=True)  # the same examples every time
if os.environ.get("CI"):
    settings.load_profile("ci")


@pytest.fixture(scope="session")
def mas() -> BaseMAS:
    """The paper's catalogue on general knowledge, with the offline encoder."""
    made = BaseMAS("general", encoder="offline")
    assert made.table.embed.shape == (11, 3, 384)
    return made


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder, arguments and a module path of the test's own, as for a freshly started command."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["abgnn"])
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "my_layers", raising=False)
