"""Several processes at one recording: they press against a cap, are killed, lose the database."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tests.paths import ROOT
from tests.rollout.ledger.places import Place
from tests.servers.fixtures import Server

Process = subprocess.Popen[str]
PRICES = (10**6, 10**7)  # picodollars of a token: prompt, completion


def begin(place: Place, server: Server, size: int, *options: object) -> Process:
    """A process that carries out `size` rollouts of four calls."""
    command = [sys.executable, "-m", "tests.rollout.ledger.runs_to_kill", "rollouts"]
    command += [place.path, server.base_url, str(size), *map(str, options)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=ROOT, text=True, **pipes)  # type: ignore[call-overload,no-any-return]


def ended(process: Process) -> str:
    """What it says at its end."""
    said, errors = process.communicate(timeout=300)
    lines: list[str] = [line for line in said.splitlines() if line.startswith("done")]
    assert process.returncode == 0, f"exit {process.returncode}: {said}{errors[-3000:]}"
    return lines[0]


def billed(server: Server) -> int:
    """Picodollars that the provider's own log comes to."""
    return sum(map(bill, server.log()))


def bill(line: dict[str, int]) -> int:
    return line["prompt_tokens"] * PRICES[0] + line["completion_tokens"] * PRICES[1]


@dataclass(frozen=True)
class Pressed:
    """Picodollars: of the cap, on the provider's log, and in the books."""

    cap: int
    billed: int
    booked: int

    @property
    def overspent(self) -> int:
        return max(0, self.billed - self.cap)

    @property
    def used(self) -> float:
        return self.billed / self.cap


def press(place: Place, server: Server, usd: float, processes: int = 4, size: int = 64) -> Pressed:
    """Processes with questions of their own spend one run's cap at the same time."""
    before = billed(server)
    crew = [begin(place, server, size, "--first", 1000 * i, "--cap", usd) for i in range(processes)]
    for process in crew:
        ended(process)
    ledger = place.open()
    accounts = ledger.accounts()
    ledger.close()
    assert sum(a.reserved + a.lost for a in accounts) == 0
    booked = sum(a.committed for a in accounts)
    return Pressed(round(usd * 1e12), billed(server) - before, booked)


def _lasting(process: Process, again: Callable[[], Process]) -> Process:
    """The process, or a new one if it was started just while the database was away."""
    while process.wait(300) and "can be reached" in process.stderr.read():  # type: ignore[union-attr]
        process = again()
    return process


@dataclass(frozen=True)
class Killed:
    """What a storm of kills left, tokens and picodollars.

    Args:
        kills, crashes: of processes and of the database.
        requests, twice: that the provider served, and those of them that were asked again.
        certain: bills of settled attempts; once: of each call on the provider's log, once.
        at_most: bills that are uncertain or lost, at their worst case; again: what the provider
            charged beyond `once`.
        reserved: set aside at the end; recorded, calls: replies in the books, and different calls.
        same: whether a replay gives what the last run gave, bit for bit.
    """

    kills: int
    crashes: int
    requests: int
    twice: int
    certain: int
    once: int
    at_most: int
    again: int
    reserved: int
    recorded: int
    calls: int
    same: bool


def kill_storm(
    place: Place,
    server: Server,
    *,
    kills: int,
    size: int,
    crash: Callable[[], None] | None = None,
    crashes: int = 0,
) -> Killed:
    """Four processes, two of them with the same questions; one is killed again and again."""
    firsts, rng = [0, 0, 10_000, 20_000], random.Random(5)

    def start(i: int) -> Process:
        return begin(place, server, size, "--first", firsts[i])

    crew = [start(i) for i in range(4)]
    when = {round((n + 1) * kills / (crashes + 1)) for n in range(crashes)}
    for n in range(kills):
        strike = server.stats()["requests"] + rng.randint(5, 25)
        while server.stats()["requests"] < strike and any(p.poll() is None for p in crew):
            time.sleep(0.005)
        i = rng.randrange(4)
        crew[i].send_signal(signal.SIGKILL)
        crew[i].communicate()
        if n in when and crash is not None:
            crash()
        crew[i] = start(i)
    said = [ended(_lasting(process, partial(start, i))) for i, process in enumerate(crew)]
    ledger = place.open()
    accounts = ledger.accounts()
    ledger.close()
    log = server.log()
    once = {line["sha"]: bill(line) for line in log}
    replays = [ended(begin(place, server, size, "--first", f, "--mode", "replay")) for f in firsts]
    assert len(server.log()) == len(log), "a replay asks nobody"
    [(recorded, calls)] = place.rows("SELECT count(*), count(DISTINCT key) FROM responses")
    return Killed(
        kills=kills,
        crashes=crashes,
        requests=len(log),
        twice=len(log) - len(once),
        certain=sum(a.spent for a in accounts),
        once=sum(once.values()),
        at_most=sum(a.uncertain + a.lost for a in accounts),
        again=sum(map(bill, log)) - sum(once.values()),
        reserved=sum(a.reserved for a in accounts),
        recorded=recorded,
        calls=calls,
        same=replays == said and all("failed []" in line for line in said),
    )
