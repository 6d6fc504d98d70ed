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
def marker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder that workers of this module live in; its name stands in their arguments."""
    folder = tmp_path_factory.mktemp("sandboxes")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(folder))
        yield folder


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


def settles(condition: Callable[[], bool], seconds: float = 3.0) -> bool:
    """Whether something becomes true soon."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True
