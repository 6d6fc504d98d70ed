"""Recordings for the ledger's tests: in a file, and in a PostgreSQL database where one can run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from abgnn.rollout.ledger.base import Ledger
from abgnn.rollout.ledger.memory import MemoryLedger
from tests.rollout.ledger.places import Place, new_schema

KINDS = ["sqlite", pytest.param("postgres", marks=pytest.mark.xdist_group("postgres"))]


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
