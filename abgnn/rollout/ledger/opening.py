"""The ledger that a path names: none, a file, or a PostgreSQL database."""

from __future__ import annotations

import os

from abgnn.rollout.ledger.base import Ledger
from abgnn.rollout.ledger.memory import MemoryLedger
from abgnn.rollout.ledger.postgres_url import is_url


def open_ledger(path: str | os.PathLike[str] | None, *, readonly: bool = False) -> Ledger:
    """Open, and make if need be, what `recording.path` states.

    Args:
        path: None: this process's memory; `postgresql://…`: a database; else an SQLite file.
        readonly: it must exist and is not changed.

    Raises:
        ConfigError: it cannot be used, or holds no recording of abgnn.
    """
    if path is None:
        return MemoryLedger()
    if is_url(path):
        from abgnn.rollout.ledger.postgres import PostgresLedger

        return PostgresLedger(str(path), readonly=readonly)
    from abgnn.rollout.ledger.sqlite import SqliteLedger

    return SqliteLedger(path, readonly=readonly)
