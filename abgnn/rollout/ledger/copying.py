"""Copies a recording, of a file or a database, into a new one of either kind."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from abgnn.errors import ConfigError
from abgnn.rollout.ledger.postgres_operations import clean
from abgnn.rollout.ledger.postgres_url import is_url, shown
from abgnn.rollout.ledger.schema import open_writable
from abgnn.rollout.ledger.snapshot import Snapshot, snapshot

Row = tuple[Any, ...]
Insert = Callable[[str, tuple[str, ...], Iterable[Row]], None]

_AT_ONCE = 2000  # rows
_USAGE = ("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens")
_REPLY = (
    "key", "model", "sample", "request", "text", *_USAGE, "service_time", "retry_time", "finish",
    "error", "message", "status", "recorded_at",
)  # fmt: skip
_ATTEMPT = (
    "id", "run", "phase", "query", "sample", "round", "agent", "turn", "role", "backbone", "model",
    "key", "attempt", "owner", "started_at", "reserved", "state", *_USAGE, "pusd", "uncertain",
    "service_time", "queue_time", "error", "ended_at",
)  # fmt: skip
_STATE, _UNCERTAIN = _ATTEMPT.index("state"), _ATTEMPT.index("uncertain")
_ACCOUNT = ("run", "phase", "calls", "spent", "uncertain", "reserved", "lost")
_SUMS = """SELECT run, phase, count(*) FILTER (WHERE state = 'settled'),
    coalesce(sum(pusd) FILTER (WHERE state = 'settled' AND NOT uncertain), 0),
    coalesce(sum(pusd) FILTER (WHERE state = 'settled' AND uncertain), 0), 0,
    coalesce(sum(reserved) FILTER (WHERE state <> 'settled'), 0)
    FROM attempts GROUP BY run, phase ORDER BY run, phase"""


def copy_recording(source: str, target: str) -> int:
    """Copy responses, attempts and money; attempts of dead processes arrive as lost.

    All or nothing: an error leaves the target empty.

    Args:
        source, target: a file or `postgresql://…`; the target is new or empty.

    Returns:
        How many attempts were copied.

    Raises:
        ConfigError: no recording to copy, somebody writes to it, or the target is not empty.
    """
    with snapshot(source) as now:
        alive = f"SELECT count(*) FROM attempts WHERE state = 'open' AND NOT ({now.dead})"
        if now.row(alive)[0]:
            raise ConfigError("FROM", shown(source), "a recording that no run writes to right now")
        with _into(target) as insert:
            insert("responses", _REPLY, _replies(now))
            if is_url(target):
                insert("runs", ("run",), now.rows("SELECT DISTINCT run FROM attempts"))
            insert("attempts", _ATTEMPT, _attempts(now))
            insert("accounts", _ACCOUNT, (tuple(_whole(row)) for row in now.rows(_SUMS)))
        count: int = now.row("SELECT count(*) FROM attempts")[0]
    return count


def _replies(now: Snapshot) -> Iterator[Row]:
    what = ", ".join(f"r.{name}" for name in _REPLY)
    for *row, raw in now.rows(f"SELECT {what}, {now.raw} FROM responses AS r"):
        text = row[_REPLY.index("text")]
        if raw is not None:
            text = bytes(raw)
        row[_REPLY.index("text")] = text
        yield tuple(row)


def _attempts(now: Snapshot) -> Iterator[Row]:
    for row in now.rows(f"SELECT {', '.join(_ATTEMPT)} FROM attempts AS a ORDER BY {now.order}"):
        values = list(row)
        if values[_STATE] == "open":
            values[_STATE] = "lost"
        yield tuple(values)


def _whole(row: Row) -> Iterator[Any]:
    """Sums of a database are decimals."""
    return (value if isinstance(value, str) else int(value) for value in row)


@contextmanager
def _into(target: str) -> Iterator[Insert]:
    """Inserts rows into an empty recording, in one transaction."""
    with _into_database(target) if is_url(target) else _into_file(Path(target)) as insert:
        yield insert


@contextmanager
def _into_file(path: Path) -> Iterator[Insert]:
    db = open_writable(Path(os.path.expanduser(path)))

    def insert(table: str, names: tuple[str, ...], rows: Iterable[Row]) -> None:
        marks = ", ".join("?" * len(names))
        db.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", rows)

    try:
        db.execute("BEGIN IMMEDIATE")
        _check_empty(db, str(path))
        yield insert
        db.execute("COMMIT")
    finally:
        db.close()


@contextmanager
def _into_database(url: str) -> Iterator[Insert]:
    from abgnn.rollout.ledger.postgres_connection import open_database

    db = open_database(url)

    def insert(table: str, names: tuple[str, ...], rows: Iterable[Row]) -> None:
        columns = (*names, "raw") if table == "responses" else names
        columns = (*columns, "alone") if table == "attempts" else columns
        marks = ", ".join(["%s"] * len(columns))
        statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"
        stored = (_stored(table, row) for row in rows)
        with db.cursor() as cursor:
            while some := list(islice(stored, _AT_ONCE)):
                cursor.executemany(statement, some)

    with db, db.transaction():
        _check_empty(db, shown(url))
        yield insert


def _stored(table: str, row: Row) -> Row:
    """As PostgreSQL's types have it."""
    if table == "attempts":
        values = [clean(v) if isinstance(v, str) else v for v in row]
        values[_UNCERTAIN] = None if row[_UNCERTAIN] is None else bool(row[_UNCERTAIN])
        return (*values, False)
    values, raw = list(row), None
    if table == "responses":
        place = _REPLY.index("text")
        said = values[place]
        text = said.decode(errors="surrogatepass") if isinstance(said, bytes) else said
        values[place] = clean(text)
        raw = None if values[place] == text else text.encode(errors="surrogatepass")
    values = [clean(v) if isinstance(v, str) else v for v in values]
    return (*values, raw) if table == "responses" else tuple(values)


def _check_empty(db: Any, name: str) -> None:
    for table in ("responses", "attempts", "accounts"):
        if db.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() is not None:
            raise ConfigError("TO", name, "a new or empty recording")
