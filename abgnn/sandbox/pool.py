"""Warm workers, handed out one caller at a time."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from abgnn.sandbox.worker import Build, Worker


class Pool:
    """At most `width` workers, started when first needed. Thread-safe.

    In a forked copy of the process it is empty: workers belong to the process that made them.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self._workers: set[Worker] = set()
        self._empty()
        self._end = weakref.finalize(self, _close, self._workers, os.getpid())

    def _empty(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(self.width)
        self._idle: list[Worker] = []
        self._closings = 0
        self._threads: ThreadPoolExecutor | None = None

    @contextmanager
    def slot(self, build: Build) -> Iterator[Worker]:
        """A worker for one job; waits until there is one."""
        self._mind_forks()
        with self._slots:
            worker = self._take(build)
            try:
                yield worker
            finally:
                self._give(worker)

    def threads(self) -> ThreadPoolExecutor:
        """Threads that wait for workers, as many as there are workers."""
        self._mind_forks()
        with self._lock:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(self.width, thread_name_prefix="abgnn-sandbox")
            return self._threads

    def close(self) -> None:
        """End all workers, also busy ones, whose callers then learn that they were killed."""
        self._mind_forks()
        with self._lock:
            self._closings += 1
            idle, busy, threads = self._idle, self._workers.difference(self._idle), self._threads
            self._idle, self._threads = [], None
            self._workers.difference_update(idle)
        for worker in (*idle, *busy):
            worker.stop()
        for worker in idle:
            worker.close()
        for worker in busy:  # its caller still reads from it, and will close it
            worker.wait()
        if threads is not None:
            threads.shutdown(wait=True)

    def _take(self, build: Build) -> Worker:
        with self._lock:
            closings, stale = self._closings, list[Worker]()
            worker: Worker | None = None
            while self._idle and worker is None:
                worker = self._idle.pop()
                if not worker.usable or worker.build != build:
                    stale.append(worker)
                    worker = None
            self._workers.difference_update(stale)
        for old in stale:
            old.close()
        return worker or self._start(build, closings)

    def _start(self, build: Build, closings: int) -> Worker:
        worker = Worker(build)
        with self._lock:
            self._workers.add(worker)
            if closings != self._closings:  # closed while it started
                worker.stop()
        return worker

    def _give(self, worker: Worker) -> None:
        with self._lock:
            if worker.usable:
                self._idle.append(worker)
                return
            self._workers.discard(worker)
        worker.close()

    def _mind_forks(self) -> None:
        if self._pid != os.getpid():
            self._workers.clear()
            self._empty()


def _close(workers: set[Worker], pid: int) -> None:
    """At garbage collection or exit, in the process that made them."""
    if pid == os.getpid():
        for worker in workers:
            worker.stop()
        for worker in workers:
            worker.close()
