"""`PlannerThread`: budgets are planned one after the other, on a thread of their own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import TypeVar

from abgnn.errors import ClosedError

Made = TypeVar("Made")


class PlannerThread:
    """One thread; it starts with the first thing to plan."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, "abgnn-budgets")
        self._lock, self._closed = Lock(), False

    def submit(self, make: Callable[[], Made]) -> Future[Made]:
        """The future of what is made.

        Raises:
            ClosedError: the thread was closed.
        """
        with self._lock:
            if self._closed:
                raise ClosedError("the system was closed")
            return self._pool.submit(make)

    def close(self) -> None:
        """Finish what is being planned and cancel what waits; may be called again."""
        with self._lock:
            self._closed = True
        self._pool.shutdown(cancel_futures=True)
