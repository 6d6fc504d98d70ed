"""The stub in a thread of the test's process (`running`), or in its own process (`spawned`)."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.paths import ROOT
from tests.servers.openai_stub import Line, Stub
from tests.servers.options import Options

_ROOT = ROOT
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Server:
    """A stub that runs; `base_url` is what a catalogue names."""

    base_url: str

    def log(self) -> list[Line]:
        """What every request met, in order of arrival."""
        lines: list[Line] = self._ask("/log")
        return lines

    def stats(self) -> Line:
        """Counts: requests, tokens billed, connections, in_flight, most, strays."""
        stats: Line = self._ask("/stats")
        return stats

    def change(self, **options: Any) -> None:
        """New values for some of its `Options`."""
        self._ask("/admin", json.dumps(options).encode())

    def _ask(self, path: str, body: bytes | None = None) -> Any:
        url = self.base_url.removesuffix("/v1") + path
        request = urllib.request.Request(url, body, {"Connection": "close"})
        with _DIRECT.open(request, timeout=60) as reply:
            return json.loads(reply.read())


@contextmanager
def running(**options: Any) -> Iterator[Server]:
    """A stub on a loop in a thread of its own; `options` as in `Options`."""
    loop, stub = asyncio.new_event_loop(), Stub(Options(**options))
    thread = threading.Thread(target=loop.run_forever, name="stub", daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(stub.start(), loop).result(60)
    try:
        yield Server(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
    finally:
        asyncio.run_coroutine_threadsafe(_stop(server, stub), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@contextmanager
def spawned(*arguments: str) -> Iterator[Server]:
    """A stub in a process of its own; arguments of its command line."""
    command = [sys.executable, "-m", "tests.servers.openai_stub", *arguments]
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Server(process.stdout.readline().strip())
        finally:
            process.terminate()
            process.wait(10)


async def _stop(server: asyncio.Server, stub: Stub) -> None:
    server.close()
    stub.close()
    await asyncio.sleep(0.01)  # the connections learn that they are lost
