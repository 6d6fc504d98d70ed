"""Jobs and the money paid for them, on one bar."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

from abgnn.experiments.jobs.scheduler import Failed, J, Scheduler
from abgnn.experiments.progress import Progress


class Paid(Protocol):
    """A result that says what was paid for it, in USD."""

    @property
    def spent_usd(self) -> float: ...


P = TypeVar("P", bound=Paid)


def run_shown(
    scheduler: Scheduler,
    function: Callable[[J], P],
    jobs: Sequence[J],
    progress: Progress | None,
) -> Iterator[tuple[int, P | Failed]]:
    """As `Scheduler.run`; the bar moves on with every job that ends."""
    if progress is not None:
        progress.start(len(jobs), "jobs")
    for i, ended in scheduler.run(function, jobs):
        if progress is not None:
            progress.advance(0.0 if isinstance(ended, Failed) else ended.spent_usd)
        yield i, ended
