"""None of the hostile programs harms the host, passes falsely, or outlives its time."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from abgnn.sandbox import Sandbox
from tests.sandbox.conftest import LIMIT_S, processes, settles
from tests.sandbox.hostile import EARLY, FALSE, HARMFUL

SLACK_S = 12.0  # on a busy machine; left alone, these programs take 20 s and more
TEST = "assert f(3) == 9\nassert f(4) == 16\n"


def _leaves_nothing(sandbox: Sandbox, marker: Path, before: int) -> None:
    """The worker is alone again, its folder is empty, and it runs the next program well."""
    assert settles(lambda: len(processes(marker)) <= before)
    assert not list(marker.rglob("*HARM*"))
    assert not list(marker.glob("abgnn-sandbox-*/*"))
    assert sandbox.run("print(6 * 7)").stdout == "42\n"


@pytest.mark.parametrize("name", HARMFUL)
def test_harms_nothing(sandbox: Sandbox, marker: Path, name: str) -> None:
    assert sandbox.run("").completed
    before, start = len(processes(marker)), time.monotonic()
    ran = sandbox.run(HARMFUL[name])
    assert time.monotonic() - start < LIMIT_S + SLACK_S
    assert "HARM" not in ran.stdout
    assert len(ran.stdout) <= sandbox.stdout_limit
    assert len(ran.stderr) <= 2000
    _leaves_nothing(sandbox, marker, before)


@pytest.mark.parametrize("name", EARLY)
def test_is_not_complete(sandbox: Sandbox, marker: Path, name: str) -> None:
    before = len(processes(marker)) if sandbox.run("").completed else 0
    assert sandbox.run(EARLY[name]).status in ("error", "killed", "timeout")
    _leaves_nothing(sandbox, marker, before)


@pytest.mark.parametrize("name", FALSE)
def test_does_not_pass(sandbox: Sandbox, marker: Path, name: str) -> None:
    before = len(processes(marker)) if sandbox.run("").completed else 0
    start = time.monotonic()
    assert not sandbox.check(FALSE[name], TEST, ["f"]).completed
    assert time.monotonic() - start < LIMIT_S + SLACK_S
    _leaves_nothing(sandbox, marker, before)


def test_the_same_tests_pass_what_is_right(sandbox: Sandbox) -> None:
    assert sandbox.check("def f(x): return x * x", TEST, ["f"]).completed
