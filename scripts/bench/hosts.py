"""Processes that share a recording in a PostgreSQL database: caps, kills and crashes, a rate.

Each figure is held against the stub provider's own log. The database is started by this script
from the machine's binaries, on its own disk, with fsync.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.rollout.ledger.places import Place, new_schema
from tests.rollout.ledger.storms import begin, kill_storm, press
from tests.servers.fixtures import spawned
from tests.servers.postgres import Postgres, started


def caps(console: Console, database: Postgres, repetitions: int) -> None:
    """Four processes with 64 rollouts each against one cap."""
    table = Table("ledger", "repetitions", "most overspent", "least used", "mean used",
                  title="4 processes × 64 rollouts against a cap of $0.20")  # fmt: skip
    for kind in ("SQLite", "PostgreSQL"):
        seen = []
        for _ in range(repetitions):
            with spawned("--delay", "0.01") as server, tempfile.TemporaryDirectory() as folder:
                file = Place(str(Path(folder) / "calls.sqlite"))
                place = file if kind == "SQLite" else new_schema(database)
                seen.append(press(place, server, usd=0.2))
        used = [one.used for one in seen]
        assert all(one.billed == one.booked for one in seen), "books equal the provider's log"
        most = max(one.overspent for one in seen) / 1e12
        mean = sum(used) / len(used)
        table.add_row(kind, str(repetitions), f"${most:.6f}", f"{min(used):.1%}", f"{mean:.1%}")
    console.print(table)


def kills(console: Console, database: Postgres, count: int) -> None:
    """One of four processes is killed again and again, the database crashes twice."""

    def crash() -> None:
        database.stop("immediate")
        database.start()

    with spawned("--delay", "0.03") as server:
        place = new_schema(database)
        seen = kill_storm(place, server, kills=count, size=8 * count, crash=crash, crashes=2)
    table = Table("", "", title=f"4 processes, {seen.kills} SIGKILLs, 2 crashes of the database")
    for name, value in (
        ("requests that the provider served; of them asked again", (seen.requests, seen.twice)),
        ("USD: settled; each call of the provider's log", (usd(seen.certain), usd(seen.once))),
        ("USD: lost, at most; asked again", (usd(seen.at_most), usd(seen.again))),
        ("replies recorded; different calls", (seen.recorded, seen.calls)),
        ("left reserved", (seen.reserved,)),
        ("replay bit-equal", (seen.same,)),
    ):  # fmt: skip
        table.add_row(name, ", ".join(map(str, value)))
    console.print(table)


def rate(console: Console, database: Postgres, seconds: float) -> None:
    """Four processes at an endpoint of 600 requests a minute."""
    with spawned("--delay", "0.02") as server:
        place = new_schema(database)
        crew = [
            begin(place, server, 1000, "--first", 10_000 * i, "--rpm", 600, "--cap", 100)
            for i in range(4)
        ]
        log = server.log()
        while not log or log[-1]["at"] - log[0]["at"] <= seconds:
            time.sleep(2)
            log = server.log()
        for process in crew:
            process.kill()
            process.communicate()
    at = [line["at"] for line in log]
    most = max(sum(t <= u < t + 60 for u in at) for t in at)
    used = len(at) / (at[-1] - at[0]) * 60
    told = f"at most {most} in any minute; {used:.0f} a minute"
    console.print(f"rpm 600, 4 processes, {seconds:.0f} s: {told}")


def usd(pusd: int) -> str:
    """Dollars, exactly."""
    return f"{pusd / 1e12:.12f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=20, help="of the cap storm")
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=120, help="of the rate")
    args, console = parser.parse_args(), Console(width=110)
    with started() as database:
        caps(console, database, args.repetitions)
        kills(console, database, args.kills)
        rate(console, database, args.seconds)


if __name__ == "__main__":
    main()
