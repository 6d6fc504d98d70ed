"""The database alone: leases, calls that are paid once, outages, what is refused before a call."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from abgnn.cli.main import main
from abgnn.errors import ConfigError
from abgnn.rollout import Recording
from abgnn.rollout.ledger.base import ELSEWHERE, Account, LedgerAway, Limits
from abgnn.rollout.ledger.postgres_connection import open_database
from abgnn.rollout.ledger.postgres_url import schema_of, shown
from abgnn.rollout.ledger.unbooked import Unbooked, folder_of
from tests.rollout.ledger.places import Place, check_accounts, new_schema
from tests.rollout.ledger.workers import caller, cost, reply
from tests.servers.postgres import Postgres, started

postgres_ = pytest.importorskip("abgnn.rollout.ledger.postgres", reason="needs psycopg")
pytestmark = pytest.mark.xdist_group("postgres")

FREE = Limits()
SECRET = "hunter2-planted"


def ledger_at(place: Place, **options: float | str) -> postgres_.PostgresLedger:  # type: ignore[name-defined]
    return postgres_.PostgresLedger(place.path, **options)


@pytest.fixture
def here(postgres: Postgres) -> Place:
    return new_schema(postgres)


@pytest.fixture
def crashing(postgres: Postgres) -> Iterator[Postgres]:
    """A server of one test's own, which it may stop."""
    with started() as server:
        yield server


# leases


def test_a_silent_owner_of_another_host_is_lost_by_the_databases_clock(here: Place) -> None:
    theirs = ledger_at(here, owner="another host", lease_s=3600.0)
    ticket = theirs.reserve(caller("theirs"), 60, FREE)
    ours = ledger_at(here)
    limits = Limits(run=100)
    assert not ours.hopeless(caller(), 70, limits)
    here.change("UPDATE owners SET beat = beat - 3000 WHERE owner = 'another host'")
    assert not ours.hopeless(caller(), 70, limits), "its lease is not over yet"
    here.change("UPDATE owners SET beat = beat - 3000 WHERE owner = 'another host'")
    assert ours.hopeless(caller(), 70, limits)
    assert ours.accounts() == [Account("r", "train", 0, 0, 0, 0, 60)]
    theirs.settle(ticket, cost(4), reply(), "{}")  # it did live
    assert ours.accounts() == [Account("r", "train", 1, 4, 0, 0, 0)]
    for one in (theirs, ours):
        one.close()


def test_an_owner_beats(here: Place) -> None:
    ledger = ledger_at(here, owner="beating", lease_s=0.4)
    beats = set[float]()
    while len(beats) < 3:  # the event: it beats by itself, while nothing is asked of it
        beats |= {beat for (beat,) in here.rows("SELECT beat FROM owners")}
    ledger.close()


# the same call at once


def test_the_same_call_is_made_once_at_a_time(place: Place) -> None:
    first, second = place.open(owner="one host"), place.open(owner="another")
    ticket = first.reserve(caller("k"), 10, FREE, alone=True)
    assert ticket
    assert second.reserve(caller("k"), 10, FREE, alone=True) == ELSEWHERE
    assert second.reserve(caller("other"), 10, FREE, alone=True) not in (ELSEWHERE, None)
    assert second.reserve(caller("k"), 10, FREE), "who does not ask for it is not held up"
    first.settle(ticket, cost(3), reply(), "{}")
    assert second.lookup("k") == reply()
    for one in (first, second):
        one.close()


def test_who_waits_for_the_same_call_is_told(here: Place) -> None:
    first, second, told = ledger_at(here), ledger_at(here), threading.Event()
    second.when_freed(told.set)
    ticket = first.reserve(caller("k"), 10, FREE, alone=True)
    assert second.reserve(caller("k"), 10, FREE, alone=True) == ELSEWHERE
    first.settle(ticket, cost(3), reply(), "{}")
    assert told.wait(60)
    for one in (first, second):
        one.close()


def test_who_waits_for_money_is_told(here: Place) -> None:
    first, second, told = ledger_at(here), ledger_at(here), threading.Event()
    second.when_freed(told.set)
    limits = Limits(run=100)
    ticket = first.reserve(caller("a"), 90, limits)
    assert second.reserve(caller("b"), 20, limits) is None
    first.settle(ticket, cost(3), reply(), "{}")
    assert told.wait(60)
    assert second.reserve(caller("b"), 20, limits)
    for one in (first, second):
        one.close()


# outages


def test_while_the_database_is_away_nothing_begins_and_nothing_is_lost(crashing: Postgres) -> None:
    place = new_schema(crashing)
    ledger = ledger_at(place, patience_s=0.3)
    under_way = [ledger.reserve(caller(str(i)), 10, FREE) for i in range(3)]
    crashing.stop("immediate")
    with pytest.raises(LedgerAway, match="is away"):
        ledger.reserve(caller("new"), 10, FREE)
    with pytest.raises(LedgerAway):
        ledger.lookup("0")
    for i, ticket in enumerate(under_way):
        ledger.settle(ticket, cost(i), reply(str(i)), "{}")  # returns: it is on this disk
    [kept] = folder_of(place.path).glob("*.jsonl")
    assert kept.read_text().count("\n") == 3
    crashing.start()
    while kept.exists():  # booked as soon as the database is back
        pass
    assert ledger.accounts() == [Account("r", "train", 3, 3, 0, 0, 0)]
    assert [ledger.lookup(str(i)) for i in range(3)] == [reply(str(i)) for i in range(3)]
    assert ledger.reserve(caller("new"), 10, FREE)
    ledger.close()


def test_what_a_dead_process_kept_is_booked_once(here: Place) -> None:
    ledger = ledger_at(here)
    ticket = ledger.reserve(caller("k"), 10, FREE)
    line = postgres_.operations.settle(ticket, "r", 77, cost(4), reply(), "{}").line
    for _ in range(2):  # it died before it could remove the file: the lines come again
        left = Unbooked(folder_of(here.path))
        left.keep(line)
        left.close()
        ledger_at(here).close()
        assert list(folder_of(here.path).iterdir()) == []
        assert ledger.accounts() == [Account("r", "train", 1, 4, 0, 0, 0)]
    with (folder_of(here.path) / "torn.jsonl").open("w") as file:
        file.write('{"ticket": 1, "ma')  # a crash in the middle of a line
    ledger_at(here).close()
    assert list(folder_of(here.path).iterdir()) == []
    check_accounts(here)
    ledger.close()


def test_a_living_process_keeps_its_file(here: Place) -> None:
    alive = Unbooked(folder_of(here.path))
    line = postgres_.operations.settle(1, "r", 77, cost(4), reply(), "{}").line
    alive.keep(line)
    ledger_at(here).close()
    assert len(list(folder_of(here.path).iterdir())) == 1
    alive.booked(77)
    assert list(folder_of(here.path).iterdir()) == []


def test_a_disk_that_takes_nothing_is_not_silent(
    crashing: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Unbooked, line: object) -> None:
        raise OSError(28, "No space left on device")

    place = new_schema(crashing)
    ledger = ledger_at(place, patience_s=0.2)
    ticket = ledger.reserve(caller("k"), 10, FREE)
    monkeypatch.setattr(Unbooked, "keep", full)
    crashing.stop("immediate")
    with pytest.raises(LedgerAway, match="No space left"):
        ledger.settle(ticket, cost(4), reply(), "{}")
    crashing.start()
    assert ledger.accounts() == [Account("r", "train", 0, 0, 0, 10, 0)]  # at its worst case
    ledger.close()
    assert ledger.accounts() == [Account("r", "train", 0, 0, 0, 0, 10)]
    ledger.close()


# what is refused


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://me:{SECRET}@host/db",
        f"postgres://me@host/db?password={SECRET}",
        f"postgresql://me@host/db?sslpassword={SECRET}",
        "postgresql://me@host/db?options=-csearch_path%3D%22My+Schema%22",
    ],
)
def test_urls_that_are_refused(url: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match=r"recording\.path") as refused:
        Recording(url)
    assert SECRET not in str(refused.value)
    assert main(["recordings", url]) == 2
    out = "".join(capfd.readouterr())
    assert "recording.path" in out
    assert SECRET not in out
    assert SECRET not in shown(url)


def test_a_config_with_a_password_is_refused_without_repeating_it(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    url = f"postgresql://me:{SECRET}@host/db"
    flags = [f"--model.rollout.recording.path={url}", "--trainer.max_epochs=0"]
    flags += [f"--trainer.default_root_dir={tmp_path}"]
    assert main(["fit", "--config", "simulated/general.yaml", *flags]) == 2
    out = "".join(capfd.readouterr())
    assert "without a password" in out
    assert SECRET not in out


def test_a_recording_of_layout_1_is_brought_up_to_date(here: Place) -> None:
    ledger = ledger_at(here)
    ledger.settle(ledger.reserve(caller("k"), 10, FREE), cost(3), reply(), "{}")
    ledger.close()
    here.change("DROP TABLE waiters")
    here.change("DROP FUNCTION settle_all")
    here.change("DROP FUNCTION reserve_all")
    added = "ADD CONSTRAINT accounts_run_fkey FOREIGN KEY (run) REFERENCES runs"
    here.change(f"ALTER TABLE accounts {added}")
    here.change("UPDATE layout SET number = 1")
    with pytest.raises(ConfigError, match="layout 1, of another version"):
        ledger_at(here, readonly=True)
    again = ledger_at(here)
    assert again.lookup("k") == reply()
    again.settle(again.reserve(caller("new"), 10, FREE), cost(3), reply(), "{}")
    again.close()
    check_accounts(here)


def test_databases_that_are_no_recording(postgres: Postgres) -> None:
    place, foreign = new_schema(postgres), new_schema(postgres)
    place.open().close()
    place.change("UPDATE layout SET number = number + 1")
    with pytest.raises(ConfigError, match="layout 3, of another version"):
        place.open()
    with open_database(foreign.path) as db:
        db.execute("DROP TABLE layout CASCADE")
    for options in ({}, {"readonly": True}):
        with pytest.raises(ConfigError, match=f"a schema {schema_of(foreign.path)} of abgnn's own"):
            foreign.open(**options)
    with pytest.raises(ConfigError, match="an existing recording"):
        new_schema(postgres).open(readonly=True)
    for url, what in (
        (postgres.url("x", user="nobody-of-this-name"), "nobody-of-this-name"),
        (postgres.url("x", database="nowhere"), "nowhere"),
        ("postgresql://127.0.0.1:1/db", "can be reached"),
        ("postgresql://me@host/db?colour=green", "colour"),
    ):
        with pytest.raises(ConfigError, match=f"recording.path: got .*{what}"):
            Place(url).open()
