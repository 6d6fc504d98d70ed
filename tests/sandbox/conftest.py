"""Sandboxes of every strength that this machine can make, and what they leave behind."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from abgnn.errors import ConfigError
from abgnn.sandbox import STRENGTHS, Sandbox, Strength

LIMIT_S = 1.0


@pytest.fixture(scope="module")
def marker() -> Iterator[Path]:
    """The folder that workers of this module live in; its name stands in their arguments.

    Not pytest's: that one only its owner may pass, and run by root, programs are somebody else's.
    """
    with (
        tempfile.TemporaryDirectory(prefix="abgnn-tests-") as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        Path(folder).chmod(0o711)
        patch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


@pytest.fixture(scope="module", params=STRENGTHS)
def sandbox(request: pytest.FixtureRequest, marker: Path) -> Iterator[Sandbox]:
    """One worker of each strength, with the standard library alone."""
    strength: Strength = request.param
    try:
        made = Sandbox(LIMIT_S, 512, 1, strength=strength, packages=False)
    except ConfigError as refused:
        pytest.skip(str(refused))
    with made:
        yield made


def processes(marker: Path) -> list[str]:
    """Ids of processes whose arguments hold the marker: workers, and all that they forked."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = path.read_bytes()
        except OSError:
            continue
        if str(marker).encode() in text:
            found.append(path.parent.name)
    return found


def settles(condition: Callable[[], bool], seconds: float = 60.0) -> bool:
    """Whether something becomes true, however busy the machine."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True
