"""Fixtures of the rollout tests."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from abgnn.data.backbone import Usage
from abgnn.data.catalogue import Catalogue
from abgnn.rollout import CallError
from tests.rollout.helpers import backbone


@pytest.fixture
def catalogue() -> Catalogue:
    large = backbone("large", price_out=20.0, active_params_b=32)
    thinker = backbone("thinker", model="small", type="reasoning")
    return Catalogue((backbone("small"), large, thinker))


@pytest.fixture
def call_error() -> Callable[[str], CallError]:
    return lambda message: CallError("status", message, status=500, usage=Usage(100, 0))
