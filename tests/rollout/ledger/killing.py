"""Killing a recorded run at random moments, starting it again, and comparing the books."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.paths import ROOT
from tests.rollout.ledger.places import Place
from tests.servers.fixtures import Server

Command = Sequence[str]


@dataclass(frozen=True)
class Ledger:
    """Settled attempts, their tokens and money over all phases, and what was under way at kills."""

    calls: int
    prompt: int
    completion: int
    pusd: int
    responses: int
    lost: int
    lost_pusd: int

    @property
    def settled(self) -> tuple[int, ...]:
        return (self.calls, self.prompt, self.completion, self.pusd, self.responses)

    @classmethod
    def read(cls, place: Place) -> Ledger:
        ledger = place.open()  # which finds the attempts of the dead
        try:
            accounts = ledger.accounts()
        finally:
            ledger.close()
        states = dict(place.rows("SELECT state, count(*) FROM attempts GROUP BY state"))
        [tokens] = place.rows(
            "SELECT sum(prompt_tokens), sum(completion_tokens) FROM attempts"
            " WHERE state = 'settled'"
        )
        [[responses]] = place.rows("SELECT count(*) FROM responses")
        assert sum(a.reserved for a in accounts) == 0
        spent, lost = sum(a.spent for a in accounts), sum(a.lost for a in accounts)
        prompt, completion = map(int, tokens)
        of = states["settled"], prompt, completion, spent, responses, states.get("lost", 0), lost
        return cls(*of)


@dataclass(frozen=True)
class Compared:
    """An uninterrupted run, the same run with kills, and what the server saw of the latter."""

    whole: Ledger
    killed: Ledger
    same_result: bool
    requests: int

    @property
    def twice(self) -> int:
        """Requests beyond those of the uninterrupted run: paid again."""
        return self.requests - self.whole.calls


def start(kind: str, path: Path, server: Server, size: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.rollout.ledger.runs_to_kill", kind]
    command += [str(path), server.base_url, str(size)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, cwd=ROOT, text=True, **pipes)  # type: ignore[call-overload,no-any-return]


def finish(kind: str, path: Path, server: Server, size: int) -> str:
    said: str = start(kind, path, server, size).communicate(timeout=200)[0]
    assert "failed []" in said, said
    return next(line for line in said.splitlines() if line.startswith("done"))


def compare(folder: Path, server: Server, kind: str, size: int, kills: int) -> Compared:
    """Run once without and once with kills, each after some more requests: work, not time."""
    rng = random.Random(3)
    plain = finish(kind, folder / "whole.sqlite", server, size)
    asked, path, done = len(server.log()), folder / "killed.sqlite", 0
    while done < kills:
        strike = server.stats()["requests"] + rng.randint(1, 25)
        process = start(kind, path, server, size)
        while server.stats()["requests"] < strike:
            assert process.poll() is None, f"over after {done} kills: too few calls for {kills}"
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        done += 1
    result = finish(kind, path, server, size)
    whole, killed = (Ledger.read(Place(str(p))) for p in (folder / "whole.sqlite", path))
    return Compared(whole, killed, result == plain, len(server.log()) - asked)
