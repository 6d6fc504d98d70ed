"""Events of a question as an iterator, plain or asynchronous; once closed, no further calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from queue import SimpleQueue
from typing import TypeAlias

from abgnn.data.outcome import Outcome
from abgnn.serve.engine import Answering, Event, OnEvent

_Item: TypeAlias = Event | Future[Outcome]
Start: TypeAlias = Callable[[OnEvent], Answering]
"""From what is called with events to a question under way."""


def events(start: Start) -> Iterator[Event]:
    """The question is started at once, not when the first event is wanted."""
    items: SimpleQueue[_Item] = SimpleQueue()
    answering = start(items.put)
    answering.outcome.add_done_callback(items.put)
    return _drain(items, answering)


def _drain(items: SimpleQueue[_Item], answering: Answering) -> Iterator[Event]:
    try:
        while not isinstance(event := items.get(), Future):
            yield event
        yield event.result()
    finally:
        answering.stop.set()


async def aevents(start: Start) -> AsyncGenerator[Event, None]:
    """As `events`, on any loop; started with the first event that is wanted."""
    loop, items = asyncio.get_running_loop(), asyncio.Queue[_Item]()

    def on_event(event: _Item) -> None:
        with suppress(RuntimeError):  # the loop was closed
            loop.call_soon_threadsafe(items.put_nowait, event)

    answering = start(on_event)
    answering.outcome.add_done_callback(on_event)
    try:
        while not isinstance(event := await items.get(), Future):
            yield event
        yield event.result()
    finally:
        answering.stop.set()
