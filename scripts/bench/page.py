"""The page of `abgnn serve` under load: first paint and first token, beside those alone.

Four processes: the stub provider (every reply takes `--delay` seconds), the server, Chromium, and
here the other clients, each of which streams a new question as soon as the last one is over. Every
visit is a new tab with an empty cache. First paint is what the browser reports
(`first-contentful-paint`), first token is from the click to the first text of the answer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from scripts.bench.serve import server
from tests.servers.fixtures import spawned

_CHROMIUM = "/usr/bin/chromium"
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
_TOKEN = """() => new Promise((done) => {
  const began = performance.now(), answer = document.getElementById("answer");
  const problem = document.getElementById("problem");
  const seen = new MutationObserver(() => {
    if (!problem.hidden) done(Infinity);
    if (answer.textContent) done(performance.now() - began);
  });
  const all = { childList: true, characterData: true, subtree: true, attributes: true };
  seen.observe(answer, all);
  seen.observe(problem, all);
  document.getElementById("send").click();
})"""


class Load:
    """Clients that stream, on a loop in a thread of its own.

    Args:
        port: of the server.
        streams: clients.
    """

    def __init__(self, port: int, streams: int) -> None:
        self.port, self.streams, self.answered, self.refused = port, streams, 0, 0
        self._ids, self._over = count(), threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Until the end of the block; returns when all of them have had an answer begin."""
        thread = threading.Thread(target=lambda: asyncio.run(self._all()))
        thread.start()
        try:
            while self.answered < self.streams and thread.is_alive():
                self._over.wait(0.1)
            yield
        finally:
            self._over.set()
            thread.join()

    async def _all(self) -> None:
        await asyncio.gather(*(self._client(k) for k in range(self.streams)))

    async def _client(self, number: int) -> None:
        await asyncio.sleep(5.0 * number / self.streams)
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        while not self._over.is_set():
            text = f"What is the {next(self._ids)}th question about, and who asked it first?"
            messages = [{"role": "user", "content": text}]
            data = json.dumps({"model": "abgnn", "stream": True, "messages": messages}).encode()
            head = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
            writer.write(f"{head}{len(data)}\r\n\r\n".encode() + data)
            received = await reader.readuntil(b"0\r\n\r\n")  # the last chunk of a stream
            done = b"data: [DONE]" in received
            self.answered += done
            self.refused += not done
            await asyncio.sleep(0 if done else 1)
        writer.close()


def visits(home: str, n: int) -> tuple[list[float], list[float]]:
    """Milliseconds until the first paint and the first token, of so many visits."""
    from playwright.sync_api import sync_playwright

    paint, token = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=_ARGUMENTS)
        for k in range(n + 1):
            context = browser.new_context()
            page = context.new_page()
            page.goto(home)
            page.locator("#offer-words", has_text="budget").wait_for()
            page.fill("#question", f"Which river is the {k}th longest?")
            times: tuple[Any, Any] = page.evaluate(_PAINT), page.evaluate(_TOKEN)
            if k:  # the first one starts the browser's processes
                paint.append(float(times[0]))
                token.append(float(times[1]))
            context.close()
        browser.close()
    return paint, token


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--streams", type=int, default=200, help="other clients")
    parser.add_argument("--delay", type=float, default=5.0, help="seconds per reply of the stub")
    parser.add_argument("--visits", type=int, default=7, help="of the page, each time")
    given = parser.parse_args()
    with (
        spawned("--delay", str(given.delay)) as stub,
        server(stub.base_url, "fixed") as (_, port),
    ):
        home = f"http://127.0.0.1:{port}"
        alone = visits(home, given.visits)
        load = Load(port, given.streams)
        with load.running():
            loaded = visits(home, given.visits)
    console, table = Console(), Table("", "alone", f"{given.streams} streams", "ratio")
    for name, before, after in zip(("first paint", "first token"), alone, loaded, strict=True):
        a, b = float(np.median(before)), float(np.median(after))
        table.add_row(name, f"{a:.0f} ms", f"{b:.0f} ms", f"{b / a:.2f}")
    console.print(table)
    console.print(
        f"other clients: {load.answered} answers, {load.refused} without one; "
        f"replies of {given.delay:g} s; medians of {given.visits} visits"
    )


if __name__ == "__main__":
    main()
