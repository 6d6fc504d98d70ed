"""`PlanRunner`: the part of `Executor` that evaluations use; whoever spreads plans has it too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from abgnn.data.outcome import Outcome
from abgnn.data.plan import Plan


class PlanRunner(Protocol):
    """Carries out plans."""

    def run(
        self,
        plans: Sequence[Plan],
        samples: Sequence[int] | None = None,
        *,
        score: bool = True,
        phase: str = "run",
    ) -> list[Outcome]:
        """See `Executor.run`."""
        ...
