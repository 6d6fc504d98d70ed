"""`abgnn serve` under mixed load, faults and crashes of its ledger, and what is left at the end.

The server (one worker, teams of two and a decision agent by a plan file), a stub provider and a
PostgreSQL server, each in processes of their own; here the clients, each of which sends one request
after the other: plain, streamed, left, hostile, budgeted, without the key, and questions whose
calls meet a fault of the provider (`soak_questions.py`). The database is crashed twice and started
again; without PostgreSQL the books are a SQLite file, which nobody crashes. Exit status 1: a bar of
`soak_report.py` is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from scripts.bench.serve_workers import files, memory, served
from scripts.bench.soak_clients import Clients
from scripts.bench.soak_questions import KEY, KEY_ENV, KINDS
from scripts.bench.soak_report import Books, Held, Soaked, show
from tests.rollout.ledger.places import Place, check_sums
from tests.servers.fixtures import Server, spawned
from tests.servers.postgres import Postgres, binaries, started

_QUIET_S = 12.0  # nothing may change for so long in an idle server
_MOST_S = 120.0  # until it is idle
_BREAKER = {"failures": 24}  # in a row: faults are drawn, and so many seldom follow each other
_CALLS = """SELECT count(CASE WHEN NOT open AND NOT never THEN 1 END),
        count(CASE WHEN open THEN 1 END)
    FROM (SELECT uncertain OR state = 'lost' AS open,
        coalesce(error, '') IN ('budget', 'cancelled', 'circuit', 'ledger') AS never
        FROM attempts) AS seen"""  # whose reply told all, and the others; some were never made
_UNRECORDED = """SELECT count(*) FROM attempts WHERE state = 'settled' AND error IS NULL
    AND key NOT IN (SELECT key FROM responses)"""
_WARM = [kind for kind in KINDS if kind.weight >= 1]


@dataclass(frozen=True, slots=True)
class Watched:
    """The server's process, from outside.

    Args:
        pid: of the server.
        told: where it writes its tasks and threads, see `soak_server.py`.
    """

    pid: int
    told: Path

    def held(self) -> Held:
        descriptors = len(os.listdir(f"/proc/{self.pid}/fd"))
        return Held(descriptors, len(os.listdir(f"/proc/{self.pid}/task")), *self._told())

    def _told(self) -> tuple[int, int]:
        with suppress(FileNotFoundError):
            self.told.unlink()
        os.kill(self.pid, signal.SIGUSR1)
        until = time.monotonic() + 60
        while not self.told.exists():
            assert time.monotonic() < until, "the server does not answer to SIGUSR1"
            time.sleep(0.02)
        tasks, alone = map(int, self.told.read_text(encoding="ascii").split())
        return tasks, alone

    async def idle(self) -> Held:
        """Once nothing has changed for a while."""
        until, since, held = time.monotonic() + _MOST_S, time.monotonic(), self.held()
        while since + _QUIET_S > time.monotonic() < until:
            await asyncio.sleep(1)
            last, held = held, self.held()
            since = since if last == held else time.monotonic()
        return held

    async def watch(self, soaked: Soaked, began: float) -> None:
        """Resident memory, at least 200 times."""
        while True:
            soaked.memory.append((time.monotonic() - began, memory(self.pid)[1]))
            await asyncio.sleep(min(1.0, soaked.seconds / 200))


async def crashes(database: Postgres | None, soaked: Soaked, times: int = 2) -> None:
    """The database is gone at once, for two seconds or a twentieth of the time, and comes again."""
    for _ in range(times if database is not None else 0):
        assert database is not None
        await asyncio.sleep(soaked.seconds / (times + 1))
        await asyncio.to_thread(database.stop, "immediate")
        await asyncio.sleep(min(2.0, soaked.seconds / 20))
        await asyncio.to_thread(database.start)
        soaked.crashes += 1


async def load(
    watched: Watched, port: int, database: Postgres | None, soaked: Soaked, args: argparse.Namespace
) -> None:
    """Warm up, note what the idle server holds, load it, let it come to rest, and look again."""
    clients = Clients(port, args.seed)
    await clients.each(_WARM, 3)
    soaked.before = await watched.idle()
    clients.seen = soaked.seen
    began = time.monotonic()
    watch = asyncio.ensure_future(watched.watch(soaked, began))
    crash = asyncio.ensure_future(crashes(database, soaked))
    await clients.until(began + soaked.seconds, args.clients)
    watch.cancel()
    await crash
    soaked.after = await watched.idle()


def configured(folder: Path, url: str, recording: str) -> list[str]:
    """The command line for a plan of the stub's LLM; calls are given up after eight seconds."""
    arguments, path = files(folder, url), folder / "config.yaml"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["model"]["client"]["init_args"] = {"timeout_s": 8.0}
    config["model"]["rollout"]["recording"]["path"] = recording
    config["model"]["rollout"]["breaker"] = _BREAKER
    path.write_text(json.dumps(config), encoding="utf-8")
    return [*arguments, "--key-env", KEY_ENV]


@contextmanager
def places(folder: Path) -> Iterator[tuple[Postgres | None, Place]]:
    """A database of this run's own, or a file."""
    with ExitStack() as stack:
        server = stack.enter_context(started()) if binaries() is not None else None
        yield server, Place(str(folder / "calls.sqlite") if server is None else server.url("soak"))


def soak(args: argparse.Namespace) -> Soaked:
    """One run."""
    soaked = Soaked(60 * args.minutes)
    with TemporaryDirectory() as name, places(Path(name)) as (database, place):
        folder = Path(name)
        os.environ |= {KEY_ENV: KEY, "XDG_STATE_HOME": str(folder / "state")}
        with spawned("--delay", str(args.delay)) as stub, (folder / "log").open("w") as log:
            stub.change(trickle_s=0.001)
            arguments = configured(folder, stub.base_url, place.path)
            program = ("scripts.bench.soak_server", str(folder / "tasks"))
            with served(1, arguments, 4 * args.clients, program, log) as (pid, port):
                watched = Watched(pid, folder / "tasks")
                asyncio.run(load(watched, port, database, soaked, args))
            left = sum(path.is_file() for path in (folder / "state").rglob("*"))
            soaked.books = books(place, stub, left)
        soaked.log = (folder / "log").read_text(encoding="utf-8")
    return soaked


def books(place: Place, stub: Server, left: int) -> Books:
    """Both sides, once the server has ended; prices are those of `files`."""
    ledger = place.open()  # what is left of the server becomes lost, or is booked
    accounts = ledger.accounts()
    ledger.close()
    log = stub.log()
    charged = sum(line["prompt_tokens"] + 4 * line["completion_tokens"] for line in log) * 10**6
    [(told, untold)] = place.rows(_CALLS)
    [(unrecorded,)] = place.rows(_UNRECORDED)
    check_sums(place)
    certain = sum(account.spent for account in accounts)
    more = sum(account.uncertain + account.lost for account in accounts)
    reserved = sum(account.reserved for account in accounts)
    usd = [pusd / 1e12 for pusd in (charged, certain, certain + more, reserved)]
    return Books(*usd, len(log), int(told), int(told + untold), left, int(unrecorded))


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--clients", type=int, default=24)
    parser.add_argument("--delay", type=float, default=0.2, help="seconds per reply of the stub")
    parser.add_argument("--memory", type=float, default=3.0, help="percent it may grow or shrink")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    return 0 if show(Console(width=120), soak(args), args.memory) else 1


if __name__ == "__main__":
    sys.exit(main())
