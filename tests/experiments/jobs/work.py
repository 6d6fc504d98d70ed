"""Jobs and schedulers of the tests here; light to import, for processes import it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from abgnn.experiments.jobs.scheduler import Failed, J, R, attempt
from abgnn.rollout.executor import Executor
from abgnn.rollout.settings import RolloutSettings
from tests.rollout.helpers import Scripted
from tests.rollout.test_guarded import catalogue


@dataclass(frozen=True)
class Backwards:
    """A `Scheduler` in this process: the last job ends first."""

    slots: int = 4
    hosts: int = 1

    def run(
        self, function: Callable[[J], R], jobs: Sequence[J]
    ) -> Iterator[tuple[int, R | Failed]]:
        yield from ((i, attempt(function, jobs[i])) for i in reversed(range(len(jobs))))


def worked(job: str) -> str:
    """What a job says: it may fail, end its process, or tell where it is."""
    if job == "fails":
        raise ValueError("no such luck")
    if job == "dies":
        os._exit(3)
    return {"pid": str(os.getpid()), "folder": os.getcwd()}.get(job, job.upper())


def scripted(settings: RolloutSettings, processes: int) -> Executor:
    """An executor whose client makes answers up."""
    return Executor(Scripted(), catalogue(), settings=settings, processes=processes)
