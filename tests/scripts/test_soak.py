"""`scripts/bench/soak`: it finds what it looks for, and a short one runs to its end."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from random import Random

import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from scripts.bench.soak_clients import Seen
from scripts.bench.soak_questions import ANSWERED, KINDS
from scripts.bench.soak_report import POOLED, Books, Held, Soaked, bars
from tests.paths import ROOT

HELD = Held(13, 13, 2, 5)
BOOKS = Books(1.0, 0.9, 1.1, 0.0, 100, 90, 105, 0, 0)


def soaked() -> Soaked:
    """A run as it should be."""
    memory = [(float(t), 100.0 + (t >= 95)) for t in range(101)]
    return Soaked(100.0, memory, 2, Seen(), HELD, HELD, BOOKS, "no answer: malformed\n")


def missed(run: Soaked) -> list[str]:
    return [name for name, _, holds in bars(run, 3.0) if not holds]


def test_every_bar_can_be_missed() -> None:
    assert not missed(soaked())
    for change, bar in (
        ({"memory": [(t, 100.0 + t / 20) for t in range(101)]}, "MiB"),
        ({"log": "ERROR\nTraceback (most recent call last):\n"}, "exceptions"),
        ({"after": replace(HELD, descriptors=14)}, "descriptors"),
        ({"after": replace(HELD, alone=6)}, "threads"),
        ({"after": replace(HELD, threads=14 + POOLED)}, "threads"),
        ({"after": replace(HELD, tasks=3)}, "tasks"),
        ({"books": replace(BOOKS, certain_usd=1.01)}, "USD: certain"),
        ({"books": replace(BOOKS, most_usd=0.99)}, "USD: certain"),
        ({"books": replace(BOOKS, certain_calls=101)}, "calls"),
        ({"books": replace(BOOKS, most_calls=99)}, "calls"),
        ({"books": replace(BOOKS, reserved_usd=0.1)}, "USD still"),
        ({"books": replace(BOOKS, left=1)}, "USD still"),
        ({"books": replace(BOOKS, unrecorded=1)}, "USD still"),
    ):
        [name] = missed(replace(soaked(), **change))
        assert name.startswith(bar)


def test_threads_of_pools_may_start_when_they_are_needed() -> None:
    assert not missed(replace(soaked(), after=replace(HELD, threads=13 + POOLED)))


def test_an_error_counts_unless_it_was_injected() -> None:
    seen, kinds = Seen(), {kind.name: kind for kind in KINDS}
    for name, result in (
        ("chat", ANSWERED),
        ("provider: malformed, always", "502 malformed"),
        ("hostile", "413 request_too_large"),
    ):
        kind = kinds[name]
        seen.note(kind, kind.make(Random(0), 1), result, 0.1)
    assert (seen.injected, seen.others) == (1, 0)
    seen.note(kinds["chat"], kinds["chat"].make(Random(0), 2), "502 malformed", 0.1)
    seen.note(kinds["hostile"], kinds["hostile"].make(Random(0), 3), "500 internal", 0.1)
    assert (seen.injected, seen.others) == (1, 2)
    assert len(seen.strange) == 2


@pytest.mark.slow
def test_a_short_soak() -> None:
    """Too short for memory to settle, so that bar is wide."""
    command = [sys.executable, "-m", "scripts.bench.soak", "--minutes", "0.2", "--memory", "25"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "MISSED" not in done.stdout
    assert "provider: malformed, always" in done.stdout
