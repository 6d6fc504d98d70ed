"""`LocalProcesses`: jobs in processes of this machine."""

from __future__ import annotations

import logging
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

from abgnn.errors import ConfigError
from abgnn.experiments.jobs.scheduler import Failed, J, R, attempt


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class LocalProcesses:
    """A `Scheduler` of so many processes.

    A process that dies breaks the pool, and all that ran with it is lost: those jobs are tried
    again, one at a time if need be, until it is clear whose process dies.
    """

    workers: int

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ConfigError("--jobs", self.workers, "a number of processes ≥ 1")

    def __str__(self) -> str:
        return f"{self.workers} processes"

    @property
    def slots(self) -> int:
        """See `Scheduler`."""
        return self.workers

    @property
    def hosts(self) -> int:
        """See `Scheduler`."""
        return 1

    def run(
        self, function: Callable[[J], R], jobs: Sequence[J]
    ) -> Iterator[tuple[int, R | Failed]]:
        """See `Scheduler`."""
        left = dict(enumerate(jobs))
        crew = self.workers
        while left:
            before = len(left)
            for i, ended in _run(function, dict(left), min(crew, len(left))):
                del left[i]
                yield i, ended
            if len(left) < before:
                crew = self.workers
            elif crew > 1:  # a process died, and all that ran with it is lost: run one at a time
                crew = 1
            else:
                first = next(iter(left))
                del left[first]
                yield first, Failed("its process died (killed, or out of memory)")


def _run(
    function: Callable[[J], R], jobs: Mapping[int, J], workers: int
) -> Iterator[tuple[int, R | Failed]]:
    """Every job as it ends; if a process dies, the unfinished jobs are missing."""
    context = multiprocessing.get_context("spawn")  # torch has threads: no fork
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=start_worker)
    try:
        futures = {pool.submit(attempt, function, job): i for i, job in jobs.items()}
        for future in as_completed(futures):
            if not isinstance(future.exception(), BrokenProcessPool):
                yield futures[future], future.result()
    finally:
        pool.shutdown(cancel_futures=True)  # interrupted: pending jobs do not start


def start_worker() -> None:
    """Initialise a worker: quiet, and ended when its parent ends, even by SIGKILL."""
    hush_seeds()
    parent = multiprocessing.parent_process()
    assert parent is not None, "runs in a worker"

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def hush_seeds() -> None:
    """No messages of Lightning's about seeds."""
    logging.getLogger("lightning.fabric.utilities.seed").setLevel(logging.WARNING)
