"""Attempts whose process died are marked lost; their worst case stays committed."""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Iterator

from abgnn.rollout.ledger.connection import SharedConnection
from abgnn.rollout.ledger.owners import lives

PATIENCE_S = 3600.0  # an attempt this old is lost if it is unknown whether its owner lives

_NEXT_OWNER = "SELECT min(owner) FROM attempts WHERE state = 'open' AND owner > ?"
_THEIRS = "state = 'open' AND owner = ? AND started_at <= ?"


def end_orphans(file: SharedConnection) -> None:
    """Mark the open attempts of dead owners as lost; those of living ones are not touched."""
    with file.reading() as db:
        gone = {owner: until for owner in owners(db) if (until := lost_until(owner)) is not None}
        any_lost = f"SELECT 1 FROM attempts WHERE {_THEIRS} LIMIT 1"
        gone = {o: t for o, t in gone.items() if db.execute(any_lost, (o, t)).fetchone()}
    if gone:
        with file.writing() as db:
            for owner, until in gone.items():
                end_open(db, owner, until)


def owners(db: sqlite3.Connection) -> Iterator[str]:
    """All owners of open attempts; few, while the attempts may be many."""
    owner = ""
    while (owner := db.execute(_NEXT_OWNER, (owner,)).fetchone()[0]) is not None:
        yield owner


def lost_until(owner: str) -> float | None:
    """The time until which the owner's open attempts are lost; None: it lives."""
    alive = lives(owner)
    if alive:
        return None
    return math.inf if alive is False else time.time() - PATIENCE_S


def end_open(db: sqlite3.Connection, owner: str, until: float = math.inf) -> None:
    """Inside a transaction: the owner's open attempts that began until then become lost."""
    sums = f"SELECT run, phase, sum(reserved) FROM attempts WHERE {_THEIRS} GROUP BY run, phase"
    for run, phase, pusd in db.execute(sums, (owner, until)).fetchall():
        db.execute(
            "UPDATE accounts SET reserved = reserved - ?, lost = lost + ?"
            " WHERE run = ? AND phase = ?",
            (pusd, pusd, run, phase),
        )
    db.execute(
        f"UPDATE attempts SET state = 'lost', ended_at = ? WHERE {_THEIRS}",
        (time.time(), owner, until),
    )
