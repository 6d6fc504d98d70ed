"""`PlanBatcher`: questions from many threads, planned, or forecast, together on one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, Generic, Protocol, TypeAlias, TypeVar, runtime_checkable

from abgnn.data.plan import Plan
from abgnn.data.query import Query
from abgnn.errors import ClosedError

Chooser: TypeAlias = Callable[[Sequence[Query]], Sequence[Plan]]
Made = TypeVar("Made")


@runtime_checkable
class Paced(Protocol):
    """A chooser that goes by what its questions have cost and taken."""

    def spent(self, usd: float, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class _Request(Generic[Made]):
    chooser: Callable[[Sequence[Query]], Sequence[Made]]
    query: Query
    planned: Future[Made] = field(default_factory=Future)


class PlanBatcher:
    """Runs policies and encoders, which are not thread-safe, on one thread.

    Questions that wait while a batch is planned are the next batch, one per chooser; a batch is
    not held until it is full. The thread is a daemon and starts with the first question.

    Args:
        most: questions in a batch, at most.
    """

    def __init__(self, most: int = 32) -> None:
        self.most = most
        self._queue: SimpleQueue[_Request[Any] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    def submit(
        self, chooser: Callable[[Sequence[Query]], Sequence[Made]], query: Query
    ) -> Future[Made]:
        """A question's plan, or forecast; what the chooser raises is the future's exception.

        Args:
            chooser: from questions to one of it each; compared by identity, a method by that of
                its object.
            query: the question.

        Raises:
            ClosedError: the batcher was closed.
        """
        request = _Request(chooser, query)
        with self._lock:
            if self._closed:
                raise ClosedError("the system was closed")
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="abgnn-plan", daemon=True)
                self._thread.start()
            self._queue.put(request)
        return request.planned

    def close(self) -> None:
        """Plan the questions submitted so far, then end the thread; may be called again."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._queue.put(None)
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        open_ = True
        while open_:
            waiting = [self._queue.get()]
            while len(waiting) < self.most and not self._queue.empty():
                waiting.append(self._queue.get())
            open_ = None not in waiting
            batches: dict[Hashable, list[_Request[Any]]] = {}
            for request in waiting:
                if request is not None and request.planned.set_running_or_notify_cancel():
                    batches.setdefault(_identity(request.chooser), []).append(request)
            for batch in batches.values():
                _plan(batch)


def _identity(chooser: Callable[..., object]) -> Hashable:
    """A method is a new object whenever it is looked up."""
    return id(getattr(chooser, "__self__", chooser)), getattr(chooser, "__name__", "")


def _plan(batch: Sequence[_Request[Any]]) -> None:
    try:
        plans = batch[0].chooser([request.query for request in batch])
        pairs = list(zip(batch, plans, strict=True))
    except Exception as error:  # goes to the futures; the thread goes on
        for request in batch:
            request.planned.set_exception(error)
        return
    for request, plan in pairs:
        request.planned.set_result(plan)
