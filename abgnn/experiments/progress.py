"""`Progress`: the interface of progress displays, such as the command line's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from abgnn.rollout.ledger.left import left_usd

if TYPE_CHECKING:
    from abgnn.training.reinforce import Reinforce


class Progress(Protocol):
    """Shows how much there is to do, and every piece that is done. Any thread may call it."""

    def start(self, total: int, pieces: str, left_usd: float | None = None) -> None:
        """Start with `total` rollouts (or jobs); `left_usd` may be spent, None: no cap."""
        ...

    def advance(self, paid_usd: float) -> None:
        """One of them is done, and its cost was paid."""
        ...


def watch(progress: Progress | None, model: Reinforce, total: int | None = None) -> None:
    """Report the rollouts of all executors that a module opens from now on to `progress`.

    Args:
        progress: None: no report.
        model: opens the executors.
        total: rollouts to come; None: `progress` has started already.
    """
    if progress is None:
        return
    advance = progress.advance
    model.on_outcome = lambda outcome: advance(outcome.paid)
    if total is not None:
        progress.start(total, "rollouts", left_usd(model.rollout_settings))
