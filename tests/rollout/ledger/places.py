"""Where the ledger's tests keep recordings: a SQLite file, or a schema of a PostgreSQL server."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from abgnn.rollout.ledger.base import Ledger
from abgnn.rollout.ledger.postgres_url import is_url
from tests.servers.postgres import Postgres

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Place:
    """One recording that several ledgers may open.

    Args:
        path: what `recording.path` would state.
    """

    path: str

    def open(self, **options: Any) -> Ledger:
        """A ledger at this place."""
        return ledger_class(self.path)(self.path, **options)

    def rows(self, query: str) -> list[Row]:
        """What a query finds, by a connection of its own."""
        with _database(self.path) as db:
            return [tuple(row) for row in db.execute(query).fetchall()]

    def change(self, statement: str) -> None:
        """Write behind the ledgers' backs."""
        with _database(self.path) as db:
            db.execute(statement)


def ledger_class(path: str) -> Callable[..., Ledger]:
    if is_url(path):
        from abgnn.rollout.ledger.postgres import PostgresLedger

        return PostgresLedger
    from abgnn.rollout.ledger.sqlite import SqliteLedger

    return SqliteLedger


@contextmanager
def _database(path: str) -> Iterator[Any]:
    if is_url(path):
        from abgnn.rollout.ledger.postgres_connection import open_database

        with open_database(path) as db:
            yield db
        return
    file = sqlite3.connect(os.fspath(Path(path)))
    try:
        yield file
        file.commit()
    finally:
        file.close()


def check_accounts(place: Place) -> None:
    """The accounts are the sums over the attempts, and what is settled is recorded."""
    check_sums(place)
    unrecorded = """SELECT count(*) FROM attempts WHERE state = 'settled'
        AND key NOT IN (SELECT key FROM responses)"""
    assert place.rows(unrecorded) == [(0,)]


def check_sums(place: Place) -> None:
    """The accounts are the sums over the attempts."""

    def pusd(state: str, what: str = "reserved") -> str:
        return f"coalesce(sum(CASE WHEN {state} THEN {what} END), 0)"

    sums = f"""SELECT run, phase, count(CASE WHEN state = 'settled' THEN 1 END),
        {pusd("state = 'settled' AND NOT uncertain", "pusd")},
        {pusd("state = 'settled' AND uncertain", "pusd")},
        {pusd("state = 'open'")}, {pusd("state = 'lost'")}
        FROM attempts GROUP BY run, phase"""
    tried = {(run, phase) for run, phase, *_ in place.rows(sums)}
    booked = place.rows("SELECT run, phase, calls, spent, uncertain, reserved, lost FROM accounts")
    assert sorted(row for row in booked if row[:2] in tried) == sorted(place.rows(sums))
    assert {row[2:] for row in booked if row[:2] not in tried} <= {(0, 0, 0, 0, 0)}


_schemas = count(1)


def new_schema(server: Postgres) -> Place:
    """A recording of its own on the tests' server."""
    return Place(server.url(f"recording_{os.getpid()}_{next(_schemas)}"))
