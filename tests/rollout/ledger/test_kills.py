"""A recorded run that is killed at random moments and started again pays for nothing twice.

`scripts/bench/kills` does the same to a training run.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rollout.ledger.killing import compare
from tests.servers.fixtures import spawned


@pytest.mark.timing
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("kills", "size"), [(3, 60), pytest.param(20, 240, marks=pytest.mark.slow)]
)
def test_kills(tmp_path: Path, kills: int, size: int) -> None:
    with spawned("--delay", "0.03") as server:
        seen = compare(tmp_path, server, "rollouts", size, kills)
    assert seen.killed.settled == seen.whole.settled
    assert seen.same_result
    assert seen.whole.calls == size * 4
    assert 0 < seen.twice <= seen.killed.lost, "only what was in flight at a kill is asked again"
    assert 0 < seen.killed.lost <= kills * 8
    assert seen.killed.lost_pusd > 0, "and it is on the books at its worst case"
