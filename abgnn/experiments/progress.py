"""`Progress`: whoever shows how an experiment goes on, the command line for one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from abgnn.rollout.ledger.left import left_usd

if TYPE_CHECKING:
    from abgnn.training.reinforce import Reinforce


class Progress(Protocol):
    """Is told how much there is to do, and of every piece that is done. Any thread may call it."""

    def start(self, total: int, pieces: str, left_usd: float | None = None) -> None:
        """So many rollouts (or jobs) are to come; `left_usd` may be spent, None: no cap."""
        ...

    def advance(self, paid_usd: float) -> None:
        """One of them is done, and was paid so much."""
        ...


def watch(progress: Progress | None, model: Reinforce, total: int | None = None) -> None:
    """Let `progress` see the rollouts of all executors that a module opens from now on.

    Args:
        progress: None: nobody looks.
        model: who opens executors.
        total: rollouts to come; None: `progress` has started already.
    """
    if progress is None:
        return
    advance = progress.advance
    model.on_outcome = lambda outcome: advance(outcome.paid)
    if total is not None:
        progress.start(total, "rollouts", left_usd(model.rollout_settings))
