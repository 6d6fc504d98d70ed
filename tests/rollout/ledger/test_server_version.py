"""A PostgreSQL server is asked for its version, and nothing is made on it."""

from __future__ import annotations

from abgnn.experiments.doctor.recordings import recording
from abgnn.rollout.ledger.postgres_connection import server_version
from tests.servers.postgres import Postgres


def test_the_version_of_a_server(postgres: Postgres) -> None:
    import psycopg

    url = postgres.url("looked_at")
    version = server_version(url)
    assert int(version.partition(".")[0]) >= 12
    finding = recording(url)
    assert (finding.state, finding.text.endswith(f"PostgreSQL {version}")) == ("ok", True)
    with psycopg.connect(postgres.url("x").partition("&options")[0]) as db:
        schemas = db.execute("SELECT schema_name FROM information_schema.schemata").fetchall()
    assert ("looked_at",) not in schemas
