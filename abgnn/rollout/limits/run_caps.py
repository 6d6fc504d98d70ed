"""`RunCaps`: the caps of a run and its phases, in the ledger's unit."""

from __future__ import annotations

from abgnn.rollout.ledger.base import Limits
from abgnn.rollout.ledger.money import dollars, picodollars
from abgnn.rollout.settings import Caps


class RunCaps:
    """The caps of the settings, in picodollars and in words.

    Args:
        caps: USD per run and phase.
    """

    def __init__(self, caps: Caps) -> None:
        self.caps = caps
        self._limits: dict[str, Limits] = {}

    def limits(self, phase: str) -> Limits:
        """Of the run, and of a phase of it."""
        if phase not in self._limits:
            run, own = self.caps.run_usd, self.caps.phase_usd.get(phase)
            self._limits[phase] = Limits(
                None if run is None else picodollars(run),
                None if own is None else picodollars(own),
            )
        return self._limits[phase]

    def refusal(self, phase: str, reserved: int) -> str:
        """The message for a call whose worst case, in picodollars, exceeds a cap."""
        caps = self.caps
        named = [] if caps.run_usd is None else [f"the run's cap of ${caps.run_usd:g}"]
        if phase in caps.phase_usd:
            named.append(f"the cap of ${caps.phase_usd[phase]:g} for {phase}")
        return f"{' or '.join(named)} leaves no ${dollars(reserved):.6f} for this call"
