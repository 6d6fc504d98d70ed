"""The money that a run may still spend, before it starts."""

from __future__ import annotations

import os

from abgnn.rollout.ledger.money import dollars
from abgnn.rollout.ledger.opening import open_ledger
from abgnn.rollout.ledger.postgres_url import is_url
from abgnn.rollout.settings import RolloutSettings


def left_usd(settings: RolloutSettings) -> float | None:
    """USD under the run's cap, less what is booked to the run already; None: no cap."""
    cap, recording = settings.caps.run_usd, settings.recording
    if cap is None or recording.path is None:
        return cap
    here = is_url(recording.path)
    if not (here or os.path.exists(recording.path)):
        return cap
    ledger = open_ledger(recording.path, readonly=not here)  # a database's tables are made now
    try:
        booked = sum(a.committed for a in ledger.accounts() if a.run == recording.run)
    finally:
        ledger.close()
    return max(0.0, cap - dollars(booked))
