"""The plan for a day's questions: Little's law, shares, and the part that is used up first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scripts.bench.scale_plan import DAY_S, Costs, Load, needed

COSTS = Costs(
    calls=3.0, depth=2.0, worker_cpu=6e-3, database_cpu=2e-3, transactions=3.0, fsyncs=2.0,
    wal=4000.0, disk=3000.0, tokens=500.0, fsync_s=1e-3,
)  # fmt: skip
LOAD = Load(questions=DAY_S * 10, peak=2.0, call_s=5.0, in_flight=50.0)


def test_it_is_arithmetic_on_what_was_measured() -> None:
    need = needed(COSTS, LOAD)
    assert (need.calls_s, need.peak_calls_s) == (30.0, 60.0)
    assert need.questions_in_flight == 20 * 2 * 5  # questions a second, two calls in a row
    assert need.calls_in_flight == 60 * 5
    assert need.worker_cores == pytest.approx(60 * 6e-3 / 0.6)
    assert need.database_cores == pytest.approx(60 * 2e-3 / 0.6)
    assert (need.rpm, need.tpm) == (3600, 1_800_000)
    assert (need.transactions_s, need.fsyncs_s) == (180, 120)
    assert need.gigabytes == pytest.approx(30 * DAY_S * 3000 / 1e9)
    assert need.wal_gigabytes == pytest.approx(30 * DAY_S * 4000 / 1e9)


def test_workers_by_their_cores_or_by_their_places() -> None:
    assert needed(COSTS, LOAD).workers == 4  # 200 questions under way, 50 each
    assert needed(COSTS, replace(LOAD, in_flight=1000.0)).workers == 1
    dear = replace(COSTS, worker_cpu=25e-3)  # 2.5 cores at 60 %
    assert needed(dear, replace(LOAD, in_flight=1000.0)).workers == 3


@pytest.mark.parametrize(
    ("changed", "first"),
    [
        ({"worker_cpu": 0.1}, "CPU of workers"),
        ({"database_cpu": 0.1}, "CPU of the database"),
        ({"fsync_s": 0.1}, "one run's writes"),
        ({"depth": 9.0}, "places of one worker"),
    ],
)
def test_what_breaks_first(changed: dict[str, float], first: str) -> None:
    need = needed(replace(COSTS, **changed), LOAD)
    assert need.first[0][0].startswith(first)
    assert [share for _, share in need.first] == sorted((s for _, s in need.first), reverse=True)
