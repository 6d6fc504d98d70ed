"""What a job costs beside its work, by local processes and by Ray, in one run on this machine.

- start: seconds until there is a scheduler;
- loading: seconds until every process has ended a first job, which loads what all jobs load;
- again: seconds of such a job later on (a config is built anew, nothing is loaded);
- empty: milliseconds of a job that does nothing, one after another in every process.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext

from rich.console import Console
from rich.table import Table

from abgnn.experiments.experiment import build
from abgnn.experiments.jobs.processes import LocalProcesses, cores
from abgnn.experiments.jobs.ray_tasks import ray_tasks
from abgnn.experiments.jobs.scheduler import Scheduler

ROUNDS = 4


def load(job: int) -> int:
    """What every job of `compare` or a block of `calibrate` begins with."""
    build(["simulated/general.yaml"], ["--trainer.logger=false"])
    return job


def nothing(job: int) -> int:
    return job


def ends(
    scheduler: Scheduler, function: Callable[[int], int], jobs: Sequence[int]
) -> Iterator[float]:
    """Seconds after the beginning at which jobs end."""
    began = time.perf_counter()
    for i, ended in scheduler.run(function, jobs):
        assert ended == jobs[i], ended
        yield time.perf_counter() - began


def row(opened: AbstractContextManager[Scheduler], empty: int) -> list[str]:
    """A line of the table."""
    began = time.perf_counter()
    with opened as scheduler:
        start, n = time.perf_counter() - began, scheduler.slots
        loads = list(ends(scheduler, load, range(ROUNDS * n)))
        nothings = list(ends(scheduler, nothing, range(n + empty)))
        again = (loads[-1] - loads[n - 1]) / (ROUNDS - 1)
        each = (nothings[-1] - nothings[n - 1]) / empty * n
        return [
            *(str(scheduler), f"{start:.1f}", f"{loads[n - 1]:.1f}"),
            *(f"{again:.2f}", f"{1e3 * each:.1f}"),
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1000, help="that do nothing")
    parser.add_argument("--address", default="", help="of a Ray cluster; left out: one is started")
    given = parser.parse_args()
    table = Table("scheduler", "start, s", "loading, s", "again, s", "empty, ms")
    table.add_row(*row(nullcontext(LocalProcesses(cores())), given.jobs))
    table.add_row(*row(ray_tasks(given.address), given.jobs))
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
