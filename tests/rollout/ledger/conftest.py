"""Recordings for the ledger's tests: in a file, and in a PostgreSQL database where one can run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from itertools import count

import pytest

from abgnn.rollout.ledger.base import Ledger
from abgnn.rollout.ledger.memory import MemoryLedger
from tests.rollout.ledger.places import Place, new_schema
from tests.servers.postgres import MISSING, Postgres, binaries, started

KINDS = ["sqlite", pytest.param("postgres", marks=pytest.mark.xdist_group("postgres"))]


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """One server for all tests; what it could not book is kept in a folder of the tests'."""
    if find_spec("psycopg") is None:
        pytest.skip("needs psycopg: extra `postgres` is missing")
    if binaries() is None:
        pytest.skip(MISSING)
    with pytest.MonkeyPatch.context() as patch, started() as server:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield server


def maker(request: pytest.FixtureRequest) -> Callable[[], Place]:
    """Makes places of the kind that a fixture's parameter names, each of its own."""
    if request.param == "postgres":
        server = request.getfixturevalue("postgres")
        return lambda: new_schema(server)
    folder, numbers = request.getfixturevalue("tmp_path"), count()
    return lambda: Place(str(folder / f"new-{next(numbers)}" / "calls.sqlite"))


@pytest.fixture(params=KINDS)
def new_place(request: pytest.FixtureRequest) -> Callable[[], Place]:
    """Makes recordings."""
    return maker(request)


@pytest.fixture
def place(new_place: Callable[[], Place]) -> Place:
    """Where a recording will be."""
    return new_place()


@pytest.fixture
def ledger(place: Place) -> Iterator[Ledger]:
    """The first to open it."""
    made = place.open()
    yield made
    made.close()


@pytest.fixture(params=["memory", *KINDS])
def either(request: pytest.FixtureRequest) -> Iterator[Ledger]:
    """Any ledger."""
    made: Ledger = MemoryLedger() if request.param == "memory" else maker(request)().open()
    yield made
    made.close()
