"""A source that a server of tools starts from quickly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from abgnn.planning.calibration import Calibration


@pytest.fixture
def blind(calibration: Calibration, tmp_path: Path) -> str:
    """A calibration whose plans do not read the question: a server of it needs no PyTorch."""
    path = str(tmp_path / "calibration.json")
    replace(calibration, questions=None, role_embedding=None).save(path)
    return path
