"""The recording file: its tables, and how it is opened for writing or for reading only.

The file is never opened other than through SQLite: closing a plain file handle would drop the
locks that SQLite holds on it in the same process.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from abgnn.errors import ConfigError

APPLICATION = int.from_bytes(b"abgn", "big")  # in the file's header
VERSION = 1
BUSY_S = 60.0  # how long a write waits for other processes' writes

OPEN_KEYS = "CREATE INDEX IF NOT EXISTS open_keys ON attempts (key) WHERE state = 'open'"
SCHEMA = (
    """CREATE TABLE responses (
        key TEXT PRIMARY KEY, model TEXT NOT NULL, sample INTEGER NOT NULL,
        request TEXT, text NOT NULL,
        prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL,
        cached_tokens INTEGER NOT NULL, reasoning_tokens INTEGER NOT NULL,
        service_time REAL NOT NULL, retry_time REAL NOT NULL, finish TEXT NOT NULL,
        error TEXT, message TEXT NOT NULL, status INTEGER, recorded_at REAL NOT NULL)""",
    """CREATE TABLE attempts (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        run TEXT NOT NULL, phase TEXT NOT NULL, query TEXT NOT NULL, sample INTEGER NOT NULL,
        round INTEGER NOT NULL, agent INTEGER NOT NULL, turn INTEGER NOT NULL, role TEXT NOT NULL,
        backbone TEXT NOT NULL, model TEXT NOT NULL, key TEXT NOT NULL, attempt INTEGER NOT NULL,
        owner TEXT NOT NULL, started_at REAL NOT NULL, reserved INTEGER NOT NULL,
        state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'settled', 'lost')),
        prompt_tokens INTEGER, completion_tokens INTEGER, cached_tokens INTEGER,
        reasoning_tokens INTEGER, pusd INTEGER, uncertain INTEGER,
        service_time REAL, queue_time REAL, error TEXT, ended_at REAL)""",
    "CREATE INDEX open_attempts ON attempts (owner) WHERE state = 'open'",
    OPEN_KEYS,
    """CREATE TABLE accounts (
        run TEXT NOT NULL, phase TEXT NOT NULL, calls INTEGER NOT NULL DEFAULT 0,
        spent INTEGER NOT NULL DEFAULT 0, uncertain INTEGER NOT NULL DEFAULT 0,
        reserved INTEGER NOT NULL DEFAULT 0, lost INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (run, phase)) WITHOUT ROWID""",
    f"PRAGMA application_id = {APPLICATION}",
    f"PRAGMA user_version = {VERSION}",
)


def open_writable(path: Path) -> sqlite3.Connection:
    """Open the file, made if need be; it may be written by many processes at once (WAL).

    Raises:
        ConfigError: it cannot be made or written, or is no recording of ours.
    """
    if "\0" in str(path):
        raise _refusal(path, "a path without NUL")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise _refusal(path, f"a file in a folder that can be made ({e.strerror})") from e
    db = _connect(path, "rwc")
    try:
        if _is_new(db, path):
            _use_wal(db, path)
            _create(db, path)
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute(OPEN_KEYS)  # not in the files of version 0.1.0
        db.execute(SCHEMA[-1])  # a write: fails here, not at the first call, if none is allowed
    except sqlite3.Error as e:
        db.close()
        raise _refusal(path, f"a recording of abgnn that can be written ({e})") from e
    except ConfigError:
        db.close()
        raise
    return db


def open_readonly(path: Path) -> sqlite3.Connection:
    """Open an existing recording; neither it nor its folder is changed.

    Without a write-ahead log nobody is writing: then the file is taken as it is, for otherwise
    SQLite would leave files beside it. See `stamp`.

    Raises:
        ConfigError: there is none, or it is no recording of ours.
    """
    if not os.path.isfile(path):
        raise _refusal(path, "an existing recording")
    db = _connect(path, "ro" if os.path.exists(wal(path)) else "ro&immutable=1")
    try:
        if _is_new(db, path):
            raise _refusal(path, "a recording of abgnn; this file is empty")
    except sqlite3.Error as e:
        db.close()
        raise _refusal(path, f"a recording of abgnn ({e})") from e
    except ConfigError:
        db.close()
        raise
    return db


def stamp(path: Path) -> tuple[int, ...] | None:
    """Changes when a file without write-ahead log is written; None while it has such a log."""
    if os.path.exists(wal(path)):
        return None
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_ino, status.st_size, status.st_mtime_ns


def wal(path: Path) -> Path:
    """The write-ahead log beside the file, there while a run writes or after it was killed."""
    return path.with_name(path.name + "-wal")


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    if os.path.isdir(path):
        raise _refusal(path, "a file; this is a folder")
    uri = f"file:{quote(os.fsencode(path.absolute()))}?mode={mode}"
    try:
        return sqlite3.connect(
            uri, uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False
        )
    except sqlite3.Error as e:
        raise _refusal(path, f"a file that SQLite can open ({e})") from e


def _is_new(db: sqlite3.Connection, path: Path) -> bool:
    """Whether the file is empty, at one moment. ConfigError if it holds something not ours."""
    with _one_moment(db):
        application = db.execute("PRAGMA application_id").fetchone()[0]
        version = db.execute("PRAGMA user_version").fetchone()[0]
        tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if application == APPLICATION:
        if version != VERSION:
            made = f"this one has layout {version}, of another version of abgnn"
            raise _refusal(path, f"a recording of layout {VERSION}; {made}")
        return False
    if application or version or tables:
        raise _refusal(path, "a recording of abgnn; this is another SQLite database")
    return True


@contextmanager
def _one_moment(db: sqlite3.Connection) -> Iterator[None]:
    if db.in_transaction:
        yield
        return
    db.execute("BEGIN")
    try:
        yield
    finally:
        db.execute("ROLLBACK")


def _use_wal(db: sqlite3.Connection, path: Path) -> None:
    """Other processes may do the same right now, and SQLite does not wait for them here."""
    until = time.monotonic() + BUSY_S
    while True:
        try:
            mode = db.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        except sqlite3.OperationalError as e:
            if "locked" not in str(e) or time.monotonic() > until:
                raise
            time.sleep(0.01)
            continue
        if mode != "wal":
            raise _refusal(path, "a file on a disk where SQLite can keep a write-ahead log")
        return


def _create(db: sqlite3.Connection, path: Path) -> None:
    db.execute("BEGIN IMMEDIATE")
    if _is_new(db, path):  # no other process was faster
        for statement in SCHEMA:
            db.execute(statement)
    db.execute("COMMIT")


def _refusal(path: Path, allowed: str) -> ConfigError:
    return ConfigError("recording.path", str(path), allowed)
