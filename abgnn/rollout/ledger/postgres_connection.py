"""Opening a recording on PostgreSQL: connect, make missing tables, refuse what is not ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from abgnn.errors import ConfigError
from abgnn.rollout.ledger.postgres_batches import BATCHES
from abgnn.rollout.ledger.postgres_limits import FUNCTION as LIMITS
from abgnn.rollout.ledger.postgres_schema import FUNCTIONS, LAYOUT, TABLES, UPGRADE
from abgnn.rollout.ledger.postgres_url import check_url, schema_of, shown

if TYPE_CHECKING:
    from psycopg import Connection

_PATIENCE: dict[str, Any] = {  # of the network, where the URL does not say otherwise
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
    "application_name": "abgnn",
}
_STATEMENT_MS = 60_000  # a statement that waits longer for others' locks is sent anew


def open_database(url: str, *, readonly: bool = False, again: bool = False) -> Connection[Any]:
    """A connection whose search path is the recording's schema; the schema is made if need be.

    Args:
        url: of the recording.
        readonly: nothing is made or written; the recording must exist.
        again: it was open before, so that tables are not checked.

    Raises:
        ConfigError: no such server, database or user; not ours; the extra is missing.
        psycopg.OperationalError: with `again`, the database is away.
    """
    check_url(url)
    psycopg = _library()
    schema = schema_of(url)
    try:
        db: Connection[Any] = psycopg.connect(_with_patience(url), autocommit=True)
    except psycopg.Error as e:
        if again:
            raise
        raise refusal(url, f"a database that can be reached ({_first_line(e)})") from e
    try:
        db.execute(f"SET search_path TO {schema}")
        db.execute(f"SET statement_timeout TO {_STATEMENT_MS}")
        if readonly:
            db.execute("SET default_transaction_read_only TO on")
        if not again:
            _check(db, url, schema, readonly)
    except psycopg.Error as e:
        db.close()
        if again:
            raise
        raise refusal(url, f"a recording of abgnn that can be used ({_first_line(e)})") from e
    except ConfigError:
        db.close()
        raise
    return db


def server_version(url: str) -> str:
    """The version of a server that can be reached; nothing is made, and no recording is needed.

    Raises:
        ConfigError: no such server, database or user; the extra is missing.
    """
    check_url(url)
    psycopg = _library()
    try:
        with psycopg.connect(_with_patience(url), autocommit=True) as db:
            return str(db.execute("SHOW server_version").fetchone()[0])
    except psycopg.Error as e:
        raise refusal(url, f"a database that can be reached ({_first_line(e)})") from e


def refusal(url: str, allowed: str) -> ConfigError:
    """What is wrong with a recording; without the URL's secrets."""
    return ConfigError("recording.path", shown(url), allowed)


def _library() -> Any:
    try:
        import psycopg
    except ImportError as e:
        allowed = "a file, or a URL with `pip install 'abgnn[postgres]'`"
        raise ConfigError("recording.path", "postgresql://…", allowed) from e
    return psycopg


def _with_patience(url: str) -> str:
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    stated: dict[str, Any] = {k: v for k, v in conninfo_to_dict(url).items() if v is not None}
    if "search_path" in str(stated.get("options")):
        del stated["options"]
    return make_conninfo("", **(_PATIENCE | stated))


def _check(db: Connection[Any], url: str, schema: str, readonly: bool) -> None:
    """Make what is missing, alone among all processes; refuse what is not ours."""
    with db.transaction():
        if not readonly:
            lock = "SELECT pg_advisory_xact_lock(hashtext(%s))"
            db.execute(lock, (f"abgnn {schema}",))
        tables = _column(db, "SELECT tablename FROM pg_tables WHERE schemaname = %s", schema)
        if not tables:
            if readonly:
                raise refusal(url, "an existing recording")
            db.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
            db.execute(TABLES + FUNCTIONS + BATCHES + LIMITS)
            db.execute("INSERT INTO layout VALUES ('abgnn', %s)", (LAYOUT,))
            return
        if "layout" not in tables:
            allowed = f"a schema {schema} of abgnn's own; this one holds other tables"
            raise refusal(url, allowed)
        [(application, layout)] = db.execute("SELECT application, number FROM layout").fetchall()
        if (application, layout) == ("abgnn", 1) and not readonly:
            db.execute(UPGRADE + FUNCTIONS + BATCHES + LIMITS)
            db.execute("UPDATE layout SET number = %s", (LAYOUT,))
            return
        if application != "abgnn" or layout != LAYOUT:
            made = f"this one has layout {layout}, of another version of abgnn"
            raise refusal(url, f"a recording of layout {LAYOUT}; {made}")


def _column(db: Connection[Any], statement: Any, *values: object) -> list[Any]:
    return [row[0] for row in db.execute(statement, values).fetchall()]


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
