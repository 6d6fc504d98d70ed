"""Fixtures of the rollout tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec

import pytest

from abgnn.data.backbone import Usage
from abgnn.data.catalogue import Catalogue
from abgnn.rollout import CallError
from tests.rollout.helpers import backbone
from tests.servers.postgres import MISSING, Postgres, binaries, started


@pytest.fixture
def catalogue() -> Catalogue:
    large = backbone("large", price_out=20.0, active_params_b=32)
    thinker = backbone("thinker", model="small", type="reasoning")
    return Catalogue((backbone("small"), large, thinker))


@pytest.fixture
def call_error() -> Callable[[str], CallError]:
    return lambda message: CallError("status", message, status=500, usage=Usage(100, 0))


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
