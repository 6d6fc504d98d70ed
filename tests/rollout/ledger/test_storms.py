"""Processes that share a recording, in small here; `scripts/bench/hosts` does it in full."""

from __future__ import annotations

import pytest

from tests.rollout.ledger.places import Place, new_schema
from tests.rollout.ledger.storms import begin, ended, kill_storm, press
from tests.servers.fixtures import spawned
from tests.servers.postgres import Postgres, started

pytestmark = [pytest.mark.timing, pytest.mark.timeout(600)]


def test_processes_press_against_a_cap(place: Place) -> None:
    with spawned("--delay", "0.005") as server:
        seen = press(place, server, usd=0.05, processes=3, size=40)
    assert seen.billed == seen.booked
    assert seen.overspent == 0
    assert seen.used > 0.9


def test_the_same_questions_at_once_are_paid_once(place: Place) -> None:
    with spawned("--delay", "0.02") as server:
        crew = [begin(place, server, 20) for _ in range(3)]
        said = {ended(process) for process in crew}
        log = server.log()
    assert len(said) == 1
    assert "failed []" in said.pop()
    assert len(log) == len({line["sha"] for line in log}) == 20 * 4


@pytest.mark.slow
def test_kills_and_crashes(postgres: Postgres) -> None:
    with started() as database, spawned("--delay", "0.03") as server:

        def crash() -> None:
            database.stop("immediate")
            database.start()

        seen = kill_storm(new_schema(database), server, kills=12, size=60, crash=crash, crashes=2)
    assert seen.certain == seen.once, "each call is settled once, to the picodollar"
    assert 0 <= seen.again <= seen.at_most, "what was asked twice is on the books as lost"
    assert seen.reserved == 0
    assert seen.recorded == seen.calls
    assert seen.same
