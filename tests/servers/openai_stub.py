"""An OpenAI-compatible HTTP/1.1 server that is fast, deterministic, and bad on command.

    python -m tests.servers.openai_stub --port 0 --delay 0.05 --faults '{"500": 0.1}'

prints its base URL and serves until it is stopped. Beside `POST /v1/chat/completions` it has
`GET /v1/models`, `GET /log` (what every request met, and what it was charged), `GET /stats`, and
`POST /admin` (new values for any of `Options`). Loopback only.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import Counter, deque
from contextlib import suppress
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from tests.servers import faults
from tests.servers.http import Connection, Request
from tests.servers.options import Options
from tests.servers.replies import Reply, reply_to

Line = dict[str, Any]


class Stub:
    """The provider: decides what each request meets, charges for it, and keeps the log."""

    def __init__(self, options: Options) -> None:
        self.options, self.log = options, []  # type: tuple[Options, list[Line]]
        self.attempts: Counter[str] = Counter()
        self.recent: deque[float] = deque()
        self.queue: deque[tuple[Connection, faults.Sent]] = deque()
        self.connections: set[Connection] = set()
        self.in_flight = self.working = self.most = self.strays = 0
        self.file = None if options.log is None else Path(options.log)

    async def start(self, port: int = 0) -> asyncio.Server:
        """Listen on 127.0.0.1."""
        loop = asyncio.get_running_loop()
        if "gzip-bomb" in self.options.faults:
            faults.bomb()
        return await loop.create_server(lambda: Connection(self), "127.0.0.1", port, backlog=4096)

    def __call__(self, connection: Connection, request: Request) -> None:
        """Answer a request."""
        if request.path.endswith("/chat/completions"):
            self._complete(connection, request)
        elif request.path == "/log":
            connection.send_json(self.log)
        elif request.path == "/stats":
            connection.send_json(self._stats())
        elif request.path == "/admin":
            self._change(json.loads(request.body))
            connection.send_json(asdict(self.options))
        elif request.path.endswith("/models"):
            denied = not self._admits(request)
            connection.send_json({"data": []}, status=401 if denied else 200)
        else:
            self.strays += 1
            connection.send_json({"error": {"message": "no such page"}}, status=404)

    def ended(self, connection: Connection) -> None:
        """A completion is over: answered, given up, or its connection is lost."""
        self.in_flight -= 1
        if connection.queued:
            connection.queued = False  # `_work` passes it over
        else:
            self.working -= 1
            self._work()

    def close(self) -> None:
        """Drop all connections."""
        for connection in list(self.connections):
            connection.abort()

    def _complete(self, connection: Connection, request: Request) -> None:
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        connection.busy = connection.queued = True
        try:
            reply = reply_to(request.body)
            if self.options.text is not None:
                reply = replace(reply, text=self.options.text)
        except (ValueError, KeyError, TypeError):
            self._note(None, "400", faults.refused(400), request)
            sent = faults.refused(400)
        else:
            fault, sent = self._fate(reply, request)
            self._note(reply, fault, sent, request)
        self.queue.append((connection, sent))
        self._work()

    def _fate(self, reply: Reply, request: Request) -> tuple[str | None, faults.Sent]:
        """Which fault a request meets, if any, and what it gets."""
        options, wait = self.options, self._too_many()
        if not self._admits(request):
            return "401", faults.refused(401)
        if wait is not None:
            return "limit", faults.refused(429, ("Retry-After", f"{wait:.3f}"))
        self.attempts[reply.sha] += 1
        attempt = self.attempts[reply.sha]
        fault = faults.commanded(request.body, attempt)
        fault = fault or faults.drawn(options.faults, options.seed, reply.sha, attempt)
        if fault in faults.STREAM_FAULTS and not reply.streamed:
            fault = None
        return fault, faults.answered(reply) if fault is None else faults.misbehave(fault, reply)

    def _admits(self, request: Request) -> bool:
        key = self.options.key
        return key is None or request.headers.get("authorization") == f"Bearer {key}"

    def _too_many(self) -> float | None:
        """Seconds to wait if a limit of the provider's is exceeded."""
        options, now = self.options, time.monotonic()
        if options.max_in_flight is not None and self.in_flight > options.max_in_flight:
            return options.retry_after_s
        if options.rpm is not None:
            while self.recent and self.recent[0] <= now - 60:
                self.recent.popleft()
            if len(self.recent) >= options.rpm:
                return self.recent[0] + 60 - now
            self.recent.append(now)
        return None

    def _work(self) -> None:
        """Take what waits, as far as there are slots."""
        loop, slots = asyncio.get_running_loop(), self.options.slots
        while self.queue and (slots is None or self.working < slots):
            connection, sent = self.queue.popleft()
            if not connection.queued:
                continue
            connection.queued = False
            self.working += 1
            delay = self.options.delay_s if sent.status == 200 else 0.0
            connection.timer = loop.call_later(delay, connection.send, sent, self.options.trickle_s)

    def _note(
        self, reply: Reply | None, fault: str | None, sent: faults.Sent, request: Request
    ) -> None:
        charged = reply if reply is not None and sent.billed else None
        line = {
            "seq": len(self.log),
            "sha": "" if reply is None else reply.sha,
            "fault": fault,
            "status": sent.status if sent.way != "close" else 0,
            "billed": 0 if charged is None else charged.prompt_tokens + charged.completion_tokens,
            "prompt_tokens": 0 if charged is None else charged.prompt_tokens,
            "completion_tokens": 0 if charged is None else charged.completion_tokens,
            "in_flight": self.in_flight,
            "at": round(time.monotonic(), 4),
            "traceparent": request.headers.get("traceparent"),
        }
        self.log.append(line)
        if self.file is not None:
            with self.file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")

    def _stats(self) -> Line:
        return {
            "requests": len(self.log),
            "billed": sum(line["billed"] for line in self.log),
            "connections": len(self.connections) - 1,  # without the one that asks
            "in_flight": self.in_flight,
            "most": self.most,
            "strays": self.strays,
        }

    def _change(self, values: Line) -> None:
        for name, value in values.items():
            assert name in {f.name for f in fields(Options)}, name
            setattr(self.options, name, value)
        self.most = self.in_flight
        for connection in list(self.connections):
            connection.go_on()
        self._work()


async def serve(options: Options, port: int) -> None:
    """Print the base URL, then serve until cancelled."""
    server = await Stub(options).start(port)
    host, bound = server.sockets[0].getsockname()
    sys.stdout.write(f"http://{host}:{bound}/v1\n")
    sys.stdout.flush()
    async with server:
        await server.serve_forever()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--delay", type=float, default=0.05, help="seconds per answer")
    parser.add_argument("--slots", type=int, help="requests worked on at the same time")
    parser.add_argument("--max-in-flight", type=int, help="more are answered 429")
    parser.add_argument("--rpm", type=int, help="requests a minute; more are answered 429")
    parser.add_argument("--faults", type=json.loads, default={}, help="JSON: kind to share")
    parser.add_argument("--seed", type=int, default=0, help="of the faults")
    parser.add_argument("--key", help="the bearer key that is demanded")
    parser.add_argument("--log", help="a file for one JSON line per request")
    given = vars(parser.parse_args())
    port, delay = given.pop("port"), given.pop("delay")
    with suppress(KeyboardInterrupt):
        asyncio.run(serve(Options(delay_s=delay, **given), port))


if __name__ == "__main__":
    main()
