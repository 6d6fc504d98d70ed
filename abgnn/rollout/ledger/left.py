"""The money that a run may still spend, before it starts."""

from __future__ import annotations

from pathlib import Path

from abgnn.rollout.ledger.money import dollars
from abgnn.rollout.ledger.sqlite import SqliteLedger
from abgnn.rollout.settings import RolloutSettings


def left_usd(settings: RolloutSettings) -> float | None:
    """USD under the run's cap, less what is booked to the run already; None: no cap."""
    cap, recording = settings.caps.run_usd, settings.recording
    if cap is None or recording.path is None or not Path(recording.path).exists():
        return cap
    ledger = SqliteLedger(recording.path, readonly=True)
    try:
        booked = sum(a.committed for a in ledger.accounts() if a.run == recording.run)
    finally:
        ledger.close()
    return max(0.0, cap - dollars(booked))
