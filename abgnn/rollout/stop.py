"""`Stop`: an event of threads that also wakes event loops."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Lock


class Stop(Event):
    """Set when an answer is no longer needed. An answer that is being written ends at once."""

    def __init__(self) -> None:
        super().__init__()
        self._calls: list[Callable[[], object]] = []
        self._lock = Lock()

    def set(self) -> None:
        """From any thread."""
        super().set()
        with self._lock:
            calls = list(self._calls)
        for call in calls:
            call()

    @contextmanager
    def calling(self, call: Callable[[], object]) -> Iterator[None]:
        """Call this once it is set, on the thread that sets it; at once if it is set already."""
        with self._lock:
            self._calls.append(call)
        if self.is_set():
            call()
        try:
            yield
        finally:
            with self._lock:
                self._calls.remove(call)
