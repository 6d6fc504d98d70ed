"""One attempt whose text is passed on while the LLM writes it, until nobody waits for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from abgnn.rollout.calls import Call
from abgnn.rollout.clients.base import CallError, Client, Completion, StreamsReplies
from abgnn.rollout.stop import Stop


async def attempt(client: Client, call: Call) -> Completion:
    """One attempt; its text is passed on at once where the call wants it and the client can.

    Raises:
        CallError: no usable response; `cancelled`: the rollout's `stop` was set while text came,
            so that the request was closed. What the provider bills for it is not known.
    """
    if call.parts is None or not isinstance(client, StreamsReplies):
        return await client.complete(
            call.backbone, call.messages, query=call.query, sample=call.sample
        )
    began = time.perf_counter()
    work = asyncio.ensure_future(
        client.stream(
            call.backbone,
            call.messages,
            query=call.query,
            sample=call.sample,
            on_text=call.parts,
        )
    )
    try:
        with _stopped(call) as stopped:
            either: set[asyncio.Future[Any]] = {work, stopped}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        seconds = time.perf_counter() - began
        message = "nobody waits for the answer any more"
        raise CallError("cancelled", message, usage=None, service_time=seconds)
    finally:
        if not work.done():
            work.cancel()
            await asyncio.wait({work})  # its connection is closed


@contextmanager
def _stopped(call: Call) -> Iterator[asyncio.Future[None]]:
    """A future that ends when the rollout's `stop` is set."""
    loop = asyncio.get_running_loop()
    stopped = loop.create_future()

    def end() -> None:
        if not stopped.done():
            stopped.set_result(None)

    def from_any_thread() -> None:
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(end)

    try:
        if isinstance(call.stop, Stop):
            with call.stop.calling(from_any_thread):
                yield stopped
        else:
            yield stopped
    finally:
        stopped.cancel()
