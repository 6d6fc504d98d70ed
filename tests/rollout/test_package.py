"""What importing the package costs, and what it offers."""

from __future__ import annotations

import subprocess
import sys

import pytest

import abgnn.rollout


def test_import_is_light() -> None:
    code = (
        "import sys, abgnn.rollout; "
        "print([m for m in ('torch', 'openai', 'scipy', 'xllamacpp') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_there() -> None:
    for name in abgnn.rollout.__all__:
        assert getattr(abgnn.rollout, name).__name__ == name
    with pytest.raises(AttributeError, match="Nonesuch"):
        _ = abgnn.rollout.Nonesuch
