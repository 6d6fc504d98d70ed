"""One moment of a recording, read only: of a file, or of a database; the same SQL reads both."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from abgnn.rollout.ledger.lost import lost_until
from abgnn.rollout.ledger.postgres_url import is_url
from abgnn.rollout.ledger.schema import open_readonly, wal

Row = tuple[Any, ...]


class _Rows(Protocol):
    def execute(self, statement: str, /) -> Iterable[Row]: ...


@dataclass(frozen=True)
class Snapshot:
    """What is read, and where the two kinds of databases differ.

    Args:
        db: runs statements.
        size: bytes on disk.
        dead: SQL: whether an open attempt's process died.
        day: SQL: the day, in UTC, on which an attempt began.
        raw: SQL: bytes of a reply that the text column cannot hold.
        order: SQL: attempts as they began.
    """

    db: _Rows
    size: int
    dead: str
    day: str
    raw: str
    order: str

    def rows(self, statement: str) -> Iterator[Row]:
        """What a statement finds."""
        return iter(self.db.execute(statement))

    def row(self, statement: str) -> Row:
        """What a statement without groups finds."""
        return next(self.rows(statement))


@contextmanager
def snapshot(path: str | os.PathLike[str]) -> Iterator[Snapshot]:
    """Open a recording at one moment; nothing of it is changed.

    Raises:
        ConfigError: there is none, or it is no recording of abgnn.
    """
    with _of_database(str(path)) if is_url(path) else _of_file(Path(path)) as taken:
        yield taken


def check_readable(path: str | os.PathLike[str]) -> None:
    """ConfigError if there is no recording of abgnn."""
    with snapshot(path):
        return


@contextmanager
def _of_file(path: Path) -> Iterator[Snapshot]:
    """SQL's `dead(owner, since)`: whether an open attempt is lost."""
    until: dict[str, float | None] = {}

    def dead(owner: str, since: float) -> bool:
        if owner not in until:
            until[owner] = lost_until(owner)
        end = until[owner]
        return end is not None and since <= end

    db = open_readonly(path)
    try:
        db.create_function("dead", 2, dead)
        db.execute("BEGIN")
        size = sum(p.stat().st_size for p in (path, wal(path)) if p.exists())
        day = "date(started_at, 'unixepoch')"
        yield Snapshot(db, size, "dead(owner, started_at)", day, "NULL", "a.id")
    finally:
        db.close()


@contextmanager
def _of_database(url: str) -> Iterator[Snapshot]:
    from psycopg import sql

    from abgnn.rollout.ledger.postgres import gone
    from abgnn.rollout.ledger.postgres_connection import open_database

    with open_database(url, readonly=True) as db:
        db.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        under_way = db.execute("SELECT * FROM owners_under_way()").fetchall()
        lost = [owner for owner, over in under_way if gone(owner, over)]
        tables = "SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class"
        where = "relkind = 'r' AND relnamespace = current_schema()::regnamespace"
        [(size,)] = db.execute(f"{tables} WHERE {where}").fetchall()
        dead = f"owner = ANY ({sql.Literal(lost).as_string(db)}::text[])"
        day = "to_char(to_timestamp(started_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD')"
        yield Snapshot(db, size, dead, day, "r.raw", "a.started_at, a.id")
